//! The shelf as a table, or as a list of sources and licences that a program reads.
//!
//! Needs the model code, which opens packs: see [`crate::with_models`].

use anyhow::Result;

use crate::arguments::Arguments;

/// `cargo xtask packs`.
#[cfg(not(feature = "models"))]
pub fn command(_: Arguments) -> Result<()> {
    crate::with_models::again("the shelf")
}

/// `cargo xtask packs`.
#[cfg(feature = "models")]
pub fn command(mut arguments: Arguments) -> Result<()> {
    let as_json = arguments.switch("--json");
    arguments.finish()?;
    let packs = rows::read()?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&rows::list(&packs))?);
    } else {
        print!("{}", rows::table(&packs));
        crate::packs::check(&crate::packs::shipped()?)?;
    }
    Ok(())
}

#[cfg(any(feature = "models", test))]
mod rows {
    use afterimage_neural::shelf::{PackFacts, Place, ShelfPack, packs_in, user_packs_folder};
    use anyhow::Result;
    use serde_json::{Value, json};

    use crate::packs::shipped;

    /// The packs that ship, then the user's own.
    #[cfg_attr(
        test,
        allow(dead_code, reason = "reads the folder of whoever runs the tests")
    )]
    pub fn read() -> Result<Vec<ShelfPack>> {
        let mut rows = Vec::new();
        for pack in shipped()? {
            let place = if pack.embedded {
                Place::Embedded
            } else {
                Place::Installed
            };
            rows.push(ShelfPack::read(&pack.path(), place));
        }
        let own = user_packs_folder().map(|folder| packs_in(&folder));
        let own = own.into_iter().flatten();
        rows.extend(own.map(|path| ShelfPack::read(&path, Place::User)));
        Ok(rows)
    }

    /// One line a pack.
    pub fn table(packs: &[ShelfPack]) -> String {
        let mut lines =
            vec![["file", "place", "shelf", "id", "family", "tasks", "licence"].map(str::to_owned)];
        let mut bad = String::new();
        for pack in packs {
            match &pack.content {
                Ok(facts) => lines.push(columns(pack, facts)),
                Err(sentence) => bad.push_str(&format!("{sentence}\n")),
            }
        }
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..lines[0].len()).filter_map(width).collect();
        let mut text = String::new();
        for line in &lines {
            let cells = line.iter().zip(&widths);
            let padded: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            text.push_str(padded.join("  ").trim_end());
            text.push('\n');
        }
        text + &bad
    }

    fn columns(pack: &ShelfPack, facts: &PackFacts) -> [String; 7] {
        let manifest = &facts.manifest;
        let tasks = json!(manifest.tasks);
        let tasks = tasks.as_array().into_iter().flatten();
        let tasks: Vec<&str> = tasks.filter_map(Value::as_str).collect();
        let shelf = match (facts.is_lab(), facts.is_instrument()) {
            (true, _) => "lab",
            (false, true) => "instrument",
            (false, false) => "other",
        };
        [
            pack.file.clone(),
            pack.place.word().to_owned(),
            shelf.to_owned(),
            manifest.id.clone(),
            manifest.family.clone(),
            tasks.join(" "),
            manifest.license.clone(),
        ]
    }

    /// From each model to its sources and licences.
    pub fn list(packs: &[ShelfPack]) -> Value {
        packs.iter().map(entry).collect()
    }

    fn entry(pack: &ShelfPack) -> Value {
        let place = pack.place.word();
        match &pack.content {
            Ok(PackFacts { manifest, hash }) => json!({
                "file": pack.file,
                "place": place,
                "id": manifest.id,
                "name": manifest.name,
                "version": manifest.version,
                "family": manifest.family,
                "tasks": manifest.tasks,
                "tags": manifest.tags,
                "hash": hash,
                "license": manifest.license,
                "training_data": manifest.training_data,
            }),
            Err(sentence) => json!({ "file": pack.file, "place": place, "error": sentence }),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::{list, table};
        use crate::packs::shipped;
        use afterimage_neural::shelf::{Place, ShelfPack};
        use std::path::Path;

        fn shelf() -> [ShelfPack; 2] {
            let pack = &shipped().unwrap()[0];
            [
                ShelfPack::read(&pack.path(), Place::Embedded),
                ShelfPack::read(Path::new("/nowhere/gone.onnx"), Place::User),
            ]
        }

        #[test]
        fn the_list_leads_from_a_model_to_its_sources_and_licences() {
            let list = list(&shelf());
            assert_eq!(list[0]["id"], "afterimage.keys-vae");
            assert_eq!(list[0]["license"], "MIT OR Apache-2.0");
            let source = &list[0]["training_data"][0];
            assert_eq!(source["license"], "MIT", "{source}");
        }

        #[test]
        fn a_file_that_cannot_be_opened_is_listed_with_its_sentence() {
            let packs = shelf();
            let error = list(&packs)[1]["error"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            assert!(error.contains("gone.onnx"), "{error}");
            assert!(table(&packs).contains(&error));
        }

        #[test]
        fn the_table_has_a_line_for_each_pack_under_its_heading() {
            let text = table(&shelf());
            let row = text.lines().nth(1).unwrap_or_default();
            assert!(
                row.starts_with("keys-vae.onnx") && row.contains("instrument"),
                "{text}"
            );
        }
    }
}
