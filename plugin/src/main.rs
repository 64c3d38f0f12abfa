//! The standalone instrument. `cargo run --features standalone -- --help` lists its audio backends.

fn main() {
    nice_plug::prelude::nice_export_standalone::<afterimage::Afterimage>();
}
