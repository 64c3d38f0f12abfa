//! Packs, manifests and inference backends. The only crate that knows `ort` and `rten`.
