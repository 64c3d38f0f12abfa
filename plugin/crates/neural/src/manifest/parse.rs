//! From JSON to [`Manifest`]: every field checked once, every complaint names its field.

use serde_json::Value;

use super::field::Field;
use super::{
    Axis, Condition, ConditionKind, Description, GraphSpec, Graphs, Latent, LatentAxis,
    LatentPreset, Manifest, Metric, Play, PlayMode, Representation, Role, SCHEMA, StatePair, Task,
    TensorSpec, TrainingSource,
};
use crate::error::PackError;

/// Words of [`Role`], in its order.
pub(super) const ROLE_WORDS: [&str; 18] = [
    "latent",
    "noise",
    "pitch",
    "velocity",
    "time_on",
    "time_off",
    "class",
    "descriptor",
    "token",
    "level",
    "frame",
    "audio",
    "event",
    "state",
    "logits",
    "mean",
    "scale",
    "mixture",
];
const ROLES: [Role; 18] = [
    Role::Latent,
    Role::Noise,
    Role::Pitch,
    Role::Velocity,
    Role::TimeOn,
    Role::TimeOff,
    Role::Class,
    Role::Descriptor,
    Role::Token,
    Role::Level,
    Role::Frame,
    Role::Audio,
    Role::Event,
    Role::State,
    Role::Logits,
    Role::Mean,
    Role::Scale,
    Role::Mixture,
];
const TASK_WORDS: [&str; 5] = ["play", "continue", "imagine", "continue-midi", "transform"];
const TASKS: [Task; 5] = [
    Task::Play,
    Task::Continue,
    Task::Imagine,
    Task::ContinueMidi,
    Task::Transform,
];
const MODE_WORDS: [&str; 5] = ["pitched", "shifted", "drone", "one-shot", "clip"];
const MODES: [PlayMode; 5] = [
    PlayMode::Pitched,
    PlayMode::Shifted,
    PlayMode::Drone,
    PlayMode::OneShot,
    PlayMode::Clip,
];
/// Largest manifest in bytes: a hundred times the first pack's.
pub(crate) const MAX_MANIFEST_BYTES: usize = 1 << 20;
const MAX_LATENT_SIZE: u64 = 4096;
const MAX_AXIS_LENGTH: u64 = 1 << 24;
const MAX_TENSOR_RANK: usize = 8;
/// Longest note tail: longer is a mistake in the unit.
const MAX_RELEASE_S: f64 = 60.0;

impl Manifest {
    /// Reads and checks a manifest; `pack` names it in complaints.
    ///
    /// # Errors
    /// One sentence for the first field that is missing, wrong or at odds with another.
    pub fn parse(json: &[u8], pack: &str) -> Result<Self, PackError> {
        if json.len() > MAX_MANIFEST_BYTES {
            return Err(PackError::TooLarge {
                pack: pack.to_owned(),
                what: "the manifest".into(),
                limit: format!("{MAX_MANIFEST_BYTES} bytes"),
                found: format!("{} bytes", json.len()),
                advice: "move long tables out of it",
            });
        }
        let value: Value = serde_json::from_slice(json).map_err(|error| PackError::NotJson {
            pack: pack.to_owned(),
            reason: error.to_string(),
        })?;
        let root = Field::root(pack, &value);
        root.object()?;
        check_schema(&root.at("schema"))?;
        let manifest = parse_all(&root, pack)?;
        check_play(&root, &manifest)?;
        Ok(manifest)
    }

    /// The manifest as JSON, two spaces deep, in the schema's order.
    pub fn to_json(&self) -> String {
        // Serialising plain data into memory has no way to fail; an empty text would be refused by `parse`.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

fn check_schema(field: &Field<'_>) -> Result<(), PackError> {
    if field.value().and_then(Value::as_u64) == Some(u64::from(SCHEMA)) {
        return Ok(());
    }
    Err(field.must_be_so(
        SCHEMA.to_string(),
        "update Afterimage if the pack is newer, otherwise add \"schema\": 1",
    ))
}

fn parse_all(root: &Field<'_>, pack: &str) -> Result<Manifest, PackError> {
    let latent = root.at("latent");
    let latent = if latent.is_there() {
        Some(parse_latent(&latent)?)
    } else {
        None
    };
    Ok(Manifest {
        schema: SCHEMA,
        id: parse_id(&root.at("id"))?,
        name: root.at("name").text()?,
        version: root.at("version").text()?,
        authors: root.at("authors").texts_or_none()?,
        tags: root.at("tags").texts_or_none()?,
        description: parse_description(&root.at("description"))?,
        citation: root.at("citation").text_or("")?,
        links: root.at("links").texts_or_none()?,
        license: parse_license(&root.at("license"))?,
        training_data: each(&root.at("training_data"), parse_source)?,
        metrics: each(&root.at("metrics"), parse_metric)?,
        family: root.at("family").text()?,
        tasks: parse_tasks(&root.at("tasks"))?,
        representation: Representation::parse(&root.at("representation"), pack)?,
        graphs: parse_graphs(&root.at("graphs"))?,
        state: each(&root.at("state"), parse_state)?,
        play: parse_play(&root.at("play"), latent.as_ref())?,
        latent,
        conditions: each(&root.at("conditions"), parse_condition)?,
        vocabulary: root.at("vocabulary").value().cloned(),
    })
}

fn each<T>(
    field: &Field<'_>,
    parse: fn(&Field<'_>) -> Result<T, PackError>,
) -> Result<Vec<T>, PackError> {
    field.items_or_none()?.iter().map(parse).collect()
}

fn parse_id(field: &Field<'_>) -> Result<String, PackError> {
    let expected = "1 to 128 letters, digits, dots, hyphens or underscores";
    let id = field.text().map_err(|_| field.must_be(expected))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if id.len() <= 128 && id.chars().all(plain) {
        Ok(id)
    } else {
        Err(field.must_be(expected))
    }
}

fn parse_license(field: &Field<'_>) -> Result<String, PackError> {
    field.text().map_err(|_| {
        field.must_be_so(
            "an SPDX expression such as 'CC0-1.0' or 'MIT OR Apache-2.0'",
            "state the licence of the weights",
        )
    })
}

fn parse_description(field: &Field<'_>) -> Result<Description, PackError> {
    if field.is_there() {
        field.object()?;
    }
    Ok(Description {
        short: field.at("short").text_or("")?,
        long: field.at("long").text_or("")?,
        technical: field.at("technical").text_or("")?,
    })
}

fn parse_source(field: &Field<'_>) -> Result<TrainingSource, PackError> {
    Ok(TrainingSource {
        name: field.at("name").text()?,
        source: field.at("source").text_or("")?,
        license: field.at("license").text()?,
    })
}

fn parse_metric(field: &Field<'_>) -> Result<Metric, PackError> {
    Ok(Metric {
        name: field.at("name").text()?,
        value: field.at("value").number()?,
        set: field.at("set").text_or("")?,
    })
}

fn parse_tasks(field: &Field<'_>) -> Result<Vec<Task>, PackError> {
    let tasks: Result<Vec<_>, _> = field
        .items()?
        .iter()
        .map(|item| item.one_of(&TASK_WORDS).map(|i| TASKS[i]))
        .collect();
    match tasks {
        Ok(tasks) if tasks.is_empty() => Err(field.must_be(format!(
            "a list of one or more of {}",
            TASK_WORDS.join(", ")
        ))),
        tasks => tasks,
    }
}

fn parse_graphs(field: &Field<'_>) -> Result<Graphs, PackError> {
    let graph = |name: &str| {
        let field = field.at(name);
        if field.is_there() {
            parse_graph(&field).map(Some)
        } else {
            Ok(None)
        }
    };
    let graphs = Graphs {
        encode: graph("encode")?,
        predict: graph("predict")?,
        decode: graph("decode")?,
    };
    if graphs.iter().next().is_none() {
        return Err(field.must_be("an object with one or more of encode, predict, decode"));
    }
    Ok(graphs)
}

fn parse_graph(field: &Field<'_>) -> Result<GraphSpec, PackError> {
    let sha256 = field.at("sha256").text_or("")?.to_ascii_lowercase();
    if !sha256.is_empty() && !(sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return Err(field
            .at("sha256")
            .must_be("64 hexadecimal digits, or empty where the manifest is inside the file"));
    }
    let graph = GraphSpec {
        file: field.at("file").text()?,
        sha256,
        frames_per_call: field.at("frames_per_call").count_or(1, 1, 4096)?,
        internal_model_latency: field.at("internal_model_latency").count_or(0, 0, 1 << 20)?,
        inputs: each(&field.at("inputs"), parse_tensor)?,
        outputs: each(&field.at("outputs"), parse_tensor)?,
    };
    check_tensor_names(field, &graph)?;
    Ok(graph)
}

fn check_tensor_names(field: &Field<'_>, graph: &GraphSpec) -> Result<(), PackError> {
    for (key, tensors) in [("inputs", &graph.inputs), ("outputs", &graph.outputs)] {
        if tensors.is_empty() {
            return Err(field.at(key).must_be("a list of one or more tensors"));
        }
        for (index, tensor) in tensors.iter().enumerate() {
            if tensors[..index]
                .iter()
                .any(|other| other.tensor == tensor.tensor)
            {
                return Err(field.at(key).must_be(format!(
                    "free of repeated names, but has '{}' twice",
                    tensor.tensor
                )));
            }
        }
    }
    Ok(())
}

fn parse_tensor(field: &Field<'_>) -> Result<TensorSpec, PackError> {
    let shape = field.at("shape");
    let axes = shape.items()?;
    if axes.is_empty() || axes.len() > MAX_TENSOR_RANK {
        return Err(shape.must_be(format!(
            "a list of 1 to {MAX_TENSOR_RANK} axes, the batch first"
        )));
    }
    Ok(TensorSpec {
        tensor: field.at("tensor").text()?,
        role: ROLES[field.at("role").one_of(&ROLE_WORDS)?],
        shape: axes.iter().map(parse_axis).collect::<Result<_, _>>()?,
        unit: field.at("unit").text_or("")?,
        range: field.at("range").range()?,
    })
}

fn parse_axis(field: &Field<'_>) -> Result<Axis, PackError> {
    let expected = format!("the name of an axis or a length from 1 to {MAX_AXIS_LENGTH}");
    if let Ok(name) = field.text() {
        return Ok(Axis::Named(name));
    }
    field
        .count(1, MAX_AXIS_LENGTH)
        .map(Axis::Fixed)
        .map_err(|_| field.must_be(expected))
}

fn parse_state(field: &Field<'_>) -> Result<StatePair, PackError> {
    let input = field.at("input").text()?;
    let output = field.at("output").text_or(&format!("{input}.out"))?;
    let kind = field.at("kind").text()?;
    let word = kind.split('(').next().unwrap_or_default();
    if !["replace", "delay", "append"].contains(&word) {
        return Err(field
            .at("kind")
            .must_be("replace, delay(d) or append(capacity)"));
    }
    Ok(StatePair {
        input,
        output,
        kind,
        initial: field.at("initial").number_or(0.0)? as f32,
    })
}

fn parse_play(field: &Field<'_>, latent: Option<&Latent>) -> Result<Play, PackError> {
    field.object()?;
    let range = field.at("range");
    let range = if range.is_there() {
        parse_key_range(&range)?
    } else {
        [0, 127]
    };
    let size = latent.map_or(0, |latent| latent.axes.len());
    let path = field.at("mod_wheel_path");
    let root = field.at("root");
    Ok(Play {
        mode: MODES[field.at("mode").one_of(&MODE_WORDS)?],
        range,
        root: if root.is_there() {
            Some(root.number_in(0.0, 127.0)? as f32)
        } else {
            None
        },
        default_preset: field.at("default_preset").text_or("")?,
        mod_wheel_path: path
            .items_or_none()?
            .iter()
            .map(|place| place.numbers(size))
            .collect::<Result<_, _>>()?,
        gain_db: if field.at("gain_db").is_there() {
            field.at("gain_db").number_in(-60.0, 60.0)? as f32
        } else {
            0.0
        },
        release_s: if field.at("release_s").is_there() {
            field.at("release_s").number_in(0.0, MAX_RELEASE_S)? as f32
        } else {
            0.3 // A hall-less instrument's release: long enough not to click, short enough for staccato.
        },
    })
}

fn parse_key_range(field: &Field<'_>) -> Result<[u8; 2], PackError> {
    match field.range() {
        Ok(Some([low, high]))
            if low >= 0.0 && high <= 127.0 && low.fract() == 0.0 && high.fract() == 0.0 =>
        {
            Ok([low as u8, high as u8])
        }
        _ => Err(field.must_be("two MIDI notes [low, high] from 0 to 127")),
    }
}

fn parse_latent(field: &Field<'_>) -> Result<Latent, PackError> {
    field.object()?;
    let size = field.at("size").count(1, MAX_LATENT_SIZE)?;
    let axes = each(&field.at("axes"), parse_latent_axis)?;
    if axes.len() != size {
        return Err(field
            .at("axes")
            .must_be(format!("a list of {size} axes, as 'latent.size' says")));
    }
    let preset = |field: &Field<'_>| {
        Ok(LatentPreset {
            name: field.at("name").text()?,
            latent: field.at("latent").numbers(size)?,
        })
    };
    let presets = field
        .at("presets")
        .items_or_none()?
        .iter()
        .map(preset)
        .collect::<Result<_, PackError>>()?;
    Ok(Latent {
        size,
        axes,
        presets,
    })
}

fn parse_latent_axis(field: &Field<'_>) -> Result<LatentAxis, PackError> {
    let axis = LatentAxis {
        name: field.at("name").text()?,
        mean: field.at("mean").number_or(0.0)? as f32,
        std: field.at("std").number_or(1.0)? as f32,
        min: field.at("min").number_or(-3.0)? as f32,
        max: field.at("max").number_or(3.0)? as f32,
        descriptor: field.at("descriptor").text_or("")?,
        effect: field.at("effect").number_or(0.0)? as f32,
        unit: field.at("unit").text_or("")?,
        meaning: field.at("meaning").text_or("")?,
    };
    if axis.std <= 0.0 {
        return Err(field.at("std").must_be("a number above 0"));
    }
    if axis.min >= axis.max {
        return Err(field
            .at("max")
            .must_be(format!("a number above 'min', which is {}", axis.min)));
    }
    Ok(axis)
}

fn parse_condition(field: &Field<'_>) -> Result<Condition, PackError> {
    let name = field.at("name").text()?;
    let kind = match field.at("kind").one_of(&["class", "continuous"])? {
        0 => parse_class(field)?,
        _ => {
            let range = field
                .at("range")
                .range()?
                .ok_or_else(|| field.at("range").must_be("a range [low, high]"))?;
            let default = field.at("default");
            let (low, high) = (f64::from(range[0]), f64::from(range[1]));
            let default = if default.is_there() {
                default.number_in(low, high)?
            } else {
                (low + high) / 2.0
            };
            ConditionKind::Continuous {
                range,
                unit: field.at("unit").text_or("")?,
                default: default as f32,
            }
        }
    };
    Ok(Condition { name, kind })
}

fn parse_class(field: &Field<'_>) -> Result<ConditionKind, PackError> {
    let labels = field.at("labels").texts_or_none()?;
    if labels.is_empty() {
        return Err(field.at("labels").must_be("a list of one or more labels"));
    }
    let default = field.at("default");
    let by_name = default
        .value()
        .and_then(Value::as_str)
        .and_then(|name| labels.iter().position(|l| l == name));
    let default = match by_name {
        Some(index) => index,
        None => default
            .count_or(0, 0, labels.len() as u64 - 1)
            .map_err(|_| {
                default.must_be(format!(
                    "one of the labels or an index from 0 to {}",
                    labels.len() - 1
                ))
            })?,
    };
    Ok(ConditionKind::Class { labels, default })
}

/// What only shows when the parts are seen together.
fn check_play(root: &Field<'_>, manifest: &Manifest) -> Result<(), PackError> {
    let preset = &manifest.play.default_preset;
    let presets = manifest
        .latent
        .as_ref()
        .map_or(&[][..], |latent| &latent.presets);
    if !preset.is_empty() && !presets.iter().any(|p| p.name == *preset) {
        return Err(root
            .at("play")
            .at("default_preset")
            .must_be("the name of one of 'latent.presets'"));
    }
    if manifest.play.mode == PlayMode::Shifted && manifest.play.root.is_none() {
        return Err(root
            .at("play")
            .at("root")
            .must_be("a MIDI note where 'mode' is 'shifted'"));
    }
    if manifest.tasks.contains(&Task::Play) && manifest.graphs.decode.is_none() {
        return Err(root
            .at("graphs")
            .at("decode")
            .must_be("there where 'tasks' names 'play'"));
    }
    Ok(())
}
