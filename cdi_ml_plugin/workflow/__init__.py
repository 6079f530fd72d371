"""Where rooms meet: data are loaded and prepared, results and their pages are saved."""
