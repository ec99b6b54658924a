"""What fetch does to a video: look into it, write the clip, find the cuts."""
