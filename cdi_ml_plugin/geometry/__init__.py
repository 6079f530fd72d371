"""Where every voxel lies: rocking scans, instruments, detector to laboratory."""
