//! The standalone: the instrument, or with `fx` as the first word the effect.
//! `cargo run --features standalone -- [fx] --help` lists its audio backends.

use nice_plug::prelude::nice_export_standalone_with_args;

fn main() {
    let mut words: Vec<String> = std::env::args().collect();
    if words.get(1).is_some_and(|word| word == "fx") {
        words.remove(1);
        nice_export_standalone_with_args::<afterimage::AfterimageFx, _>(words);
    } else {
        nice_export_standalone_with_args::<afterimage::Afterimage, _>(words);
    }
}
