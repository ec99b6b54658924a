"""Stand-in for the masked fork of DROID-SLAM: see droid.py."""
