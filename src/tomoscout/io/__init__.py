"""Files in and out: the only folder where xyz, voxels, 1-based and centred coordinates exist."""
