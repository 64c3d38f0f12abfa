//! From JSON to [`Manifest`]: every field checked once, every complaint names its field.

use serde_json::{Value, json};

use super::field::Field;
use super::playing::{parse_condition, parse_latent, parse_play};
use super::state::parse_kind;
use super::{
    Axis, Description, EventVocabulary, GraphSpec, Graphs, Manifest, Metric, Moments, PlayMode,
    Representation, RepresentationKind, Role, SCHEMA, StatePair, Task, TensorSpec, TokenVocabulary,
    TrainingSource,
};
use crate::error::PackError;

/// Words of [`Role`], in its order.
pub(super) const ROLE_WORDS: [&str; 22] = [
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
    "uniform",
    "temperature",
    "taps",
    "phase",
];
const ROLES: [Role; 22] = [
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
    Role::Uniform,
    Role::Temperature,
    Role::Taps,
    Role::Phase,
];
const TASK_WORDS: [&str; 5] = ["play", "continue", "imagine", "continue-midi", "transform"];
const TASKS: [Task; 5] = [
    Task::Play,
    Task::Continue,
    Task::Imagine,
    Task::ContinueMidi,
    Task::Transform,
];
/// Largest manifest in bytes: a hundred times the first pack's.
pub(crate) const MAX_MANIFEST_BYTES: usize = 1 << 20;
const MAX_AXIS_LENGTH: u64 = 1 << 24;
const MAX_TENSOR_RANK: usize = 8;
/// Latest moment of a note that a frame may lie at.
const MAX_MOMENT_S: f64 = 60.0;
/// Most frames of one call.
const MAX_FRAMES_PER_CALL: u64 = 4096;
/// Most samples of one call of a graph that transforms sound: 1.4 s at 48 kHz, more than anybody waits for.
const MAX_TRANSFORMED_SAMPLES: u64 = 1 << 16;

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
    let conditions = each(&root.at("conditions"), parse_condition)?;
    let tasks = parse_tasks(&root.at("tasks"))?;
    let representation = Representation::parse(&root.at("representation"), pack)?;
    let vocabulary = root.at("vocabulary");
    let events = match representation.kind {
        RepresentationKind::Events => Some(EventVocabulary::parse(&vocabulary)?),
        _ => None,
    };
    let tokens = match events {
        None => TokenVocabulary::parse(&vocabulary)?,
        Some(_) => None,
    };
    let unplayed = json!({"mode": "drone"});
    let play = root.at("play");
    let play = if play.is_there() || tasks.contains(&Task::Play) {
        play
    } else {
        play.with_value(&unplayed)
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
        tasks,
        representation,
        graphs: parse_graphs(&root.at("graphs"))?,
        state: each(&root.at("state"), parse_state)?,
        play: parse_play(&play, latent.as_ref(), &conditions)?,
        latent,
        conditions,
        vocabulary: vocabulary.value().cloned(),
        events,
        tokens,
    })
}

pub(super) fn each<T>(
    field: &Field<'_>,
    parse: impl Fn(&Field<'_>) -> Result<T, PackError>,
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
            let most = match name {
                "transform" => MAX_TRANSFORMED_SAMPLES,
                _ => MAX_FRAMES_PER_CALL,
            };
            parse_graph(&field, most).map(Some)
        } else {
            Ok(None)
        }
    };
    let graphs = Graphs {
        encode: graph("encode")?,
        predict: graph("predict")?,
        prime: graph("prime")?,
        decode: graph("decode")?,
        transform: graph("transform")?,
    };
    if graphs.iter().next().is_none() {
        return Err(field
            .must_be("an object with one or more of encode, predict, prime, decode, transform"));
    }
    Ok(graphs)
}

fn parse_graph(field: &Field<'_>, most_per_call: u64) -> Result<GraphSpec, PackError> {
    let sha256 = field.at("sha256").text_or("")?.to_ascii_lowercase();
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
    if !sha256.is_empty() && !is_hash {
        return Err(field
            .at("sha256")
            .must_be("64 hexadecimal digits, or empty where the manifest is inside the file"));
    }
    let graph = GraphSpec {
        file: field.at("file").text()?,
        sha256,
        frames_per_call: field.at("frames_per_call").count_or(1, 1, most_per_call)?,
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
        moments: parse_moments(&field.at("moments"))?,
        loudness: match field.at("loudness") {
            loudness if loudness.is_there() => Some(loudness.number_in(-70.0, 0.0)? as f32),
            _ => None,
        },
    })
}

fn parse_moments(field: &Field<'_>) -> Result<Option<Moments>, PackError> {
    if !field.is_there() {
        return Ok(None);
    }
    field.object()?;
    let seconds = |item: &Field<'_>| item.number_in(0.0, MAX_MOMENT_S).map(|s| s as f32);
    Ok(Some(Moments {
        on: each(&field.at("on"), seconds)?,
        off: each(&field.at("off"), seconds)?,
    }))
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
    let kind = parse_kind(&field.at("kind"))?;
    Ok(StatePair {
        input,
        output,
        kind,
        initial: field.at("initial").number_or(0.0)? as f32,
    })
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
    if (manifest.play.mode == PlayMode::OneShot) == manifest.play.hits.is_empty() {
        return Err(root.at("play").at("hits").must_be(
            "a list of keys with their labels where 'mode' is 'one-shot', and nowhere else",
        ));
    }
    let several = manifest
        .graphs
        .decode
        .as_ref()
        .is_some_and(|graph| graph.frames_per_call > 1 && manifest.tokens.is_none());
    if several && manifest.play.mode != PlayMode::OneShot {
        return Err(root
            .at("graphs")
            .at("decode")
            .at("frames_per_call")
            .must_be("1 where 'play.mode' is not 'one-shot'"));
    }
    if manifest.tasks.contains(&Task::Play) && manifest.graphs.decode.is_none() {
        return Err(root
            .at("graphs")
            .at("decode")
            .must_be("there where 'tasks' names 'play'"));
    }
    check_transform(root, manifest)
}

/// What `tasks` promises of transforming must be there, and in the one form that it has.
fn check_transform(root: &Field<'_>, manifest: &Manifest) -> Result<(), PackError> {
    let graphs = &manifest.graphs;
    let samples = manifest.representation.kind == RepresentationKind::Waveform;
    if graphs.transform.is_some() && !samples {
        return Err(root
            .at("representation")
            .at("kind")
            .must_be("'waveform' where 'graphs' has 'transform'"));
    }
    let frames = graphs.encode.is_some() && graphs.decode.is_some() && !samples;
    if manifest.tasks.contains(&Task::Transform) && graphs.transform.is_none() && !frames {
        return Err(root.at("graphs").at("transform").must_be(
            "there, or 'encode' and 'decode' over frames, where 'tasks' names 'transform'",
        ));
    }
    Ok(())
}
