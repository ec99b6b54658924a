"""What tracking a camera with DROID-SLAM is made of."""
