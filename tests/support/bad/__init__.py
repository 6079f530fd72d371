"""Bad inputs of every command and of every public function, in tables; `tests/bad` runs them all."""
