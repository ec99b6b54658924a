"""What `evaluate` measures, a module per subject: identities, bodies, the motion through the world, the camera."""
