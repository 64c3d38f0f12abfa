//! The direction of dependencies: `spectral <- engine <- neural <- plugin`, and never back.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use afterimage_tests::bundle::workspace_root;
use serde_json::Value;

/// What each inner crate may never reach, directly or through others.
const FORBIDDEN: [(&str, &[&str]); 3] = [
    (
        "afterimage-spectral",
        &[
            "afterimage-engine",
            "afterimage-neural",
            "afterimage",
            "nice-plug",
            "egui",
            "ort",
            "rten",
            "crossbeam",
        ],
    ),
    (
        "afterimage-engine",
        &[
            "afterimage-neural",
            "afterimage",
            "nice-plug",
            "egui",
            "ort",
            "rten",
        ],
    ),
    (
        "afterimage-neural",
        &["afterimage", "nice-plug", "egui", "nice-plug-egui"],
    ),
];

/// The triple that the compiler builds for.
fn platform() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.unwrap().to_owned()
}

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Normal dependencies of every package, by name, as cargo resolved them for this platform: those of others
/// need not be on this machine.
fn graph() -> Graph {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace_root())
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &platform()])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let names: BTreeMap<String, String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let mut graph = Graph::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let edges = graph
            .entry(names[node["id"].as_str().unwrap()].clone())
            .or_default();
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                edges.insert(names[dependency["pkg"].as_str().unwrap()].clone());
            }
        }
    }
    graph
}

/// A path from `from` to a package of `forbidden`, if there is one.
fn forbidden_path(graph: &Graph, from: &str, forbidden: &[&str]) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut paths = vec![vec![from.to_owned()]];
    while let Some(path) = paths.pop() {
        for next in graph.get(path.last()?).into_iter().flatten() {
            let longer: Vec<String> = path.iter().cloned().chain([next.clone()]).collect();
            if forbidden.contains(&next.as_str()) {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                paths.push(longer);
            }
        }
    }
    None
}

#[test]
fn no_inner_crate_reaches_an_outer_one() {
    let graph = graph();
    for (inner, forbidden) in FORBIDDEN {
        assert!(
            graph.contains_key(inner),
            "{inner} is gone from the workspace"
        );
        assert_eq!(
            forbidden_path(&graph, inner, forbidden),
            None,
            "{inner} must not reach these"
        );
    }
}

#[test]
fn a_forbidden_edge_is_found_however_long_the_way() {
    let mut graph = graph();
    graph
        .entry("afterimage-spectral".into())
        .or_default()
        .insert("a-go-between".into());
    graph
        .entry("a-go-between".into())
        .or_default()
        .insert("egui".into());
    let path = forbidden_path(&graph, "afterimage-spectral", FORBIDDEN[0].1);
    assert_eq!(
        path.unwrap(),
        ["afterimage-spectral", "a-go-between", "egui"]
    );
}
