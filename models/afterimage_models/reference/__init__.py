"""Independent reference of the spectral inverse: plain NumPy, float64, written for reading.

It shares no code with the Rust crate `afterimage-spectral`, whose goldens come from here
(`python -m afterimage_models.reference.golden --write DIR`). Modules: `counter_rng`, `stft`,
`scales`, `bands`, `harmonic_noise`, `spsi`, `rtpghi`, `partials`, `f0_lock`.
"""
