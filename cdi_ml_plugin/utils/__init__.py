"""What knows nothing of diffraction: files, plugins, devices, versions."""
