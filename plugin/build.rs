//! Links the packs in that `bundler.toml` names, so that the list is in one place and not in code.
#![allow(
    clippy::disallowed_macros,
    reason = "standard output is how a build script speaks to cargo"
)]

mod pack_list;

use std::path::Path;

use pack_list::{PackList, single_file};

fn main() {
    let variable = |name: &str| std::env::var(name).expect("cargo sets it for build scripts");
    let package = variable("CARGO_MANIFEST_DIR");
    let root = Path::new(&package)
        .parent()
        .expect("the package lies in the workspace");
    let list = root.join("bundler.toml");
    println!("cargo::rerun-if-changed={}", list.display());
    let text = std::fs::read_to_string(&list).expect("bundler.toml is readable");
    let packs = match PackList::parse(&text) {
        Ok(packs) => packs.embedded,
        Err(sentence) => panic!("{sentence}"),
    };
    assert!(
        !packs.is_empty(),
        "'embedded_packs' in bundler.toml is empty: nothing would open"
    );
    let mut rows = String::new();
    for name in &packs {
        let file = single_file(&root.join("models").join(name));
        println!("cargo::rerun-if-changed={}", file.display());
        assert!(
            file.is_file(),
            "bundler.toml embeds '{name}', but there is no {}; train it or take it off the list",
            file.display()
        );
        let path = file.display().to_string();
        rows.push_str(&format!(
            "    EmbeddedPack {{ name: {name:?}, bytes: include_bytes!({path:?}) }},\n"
        ));
    }
    let code = format!(
        "pub(crate) static EMBEDDED: [EmbeddedPack; {}] = [\n{rows}];\n",
        packs.len()
    );
    let out = Path::new(&variable("OUT_DIR")).join("embedded_packs.rs");
    std::fs::write(out, code).expect("cargo's output folder is writable");
}
