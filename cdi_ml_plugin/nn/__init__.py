"""The network, its losses and its weights; it knows nothing of diffraction but what it is handed."""
