//! Compares what a manifest declares with what its graphs hold.

use crate::continuers::{
    FramePlan, TokenPlan, is_frame_model, is_token_model, is_wave_model, wave_plan,
};
use crate::error::PackError;
use crate::events::EventPlan;
use crate::manifest::{Axis, GraphSpec, Role, TensorSpec};
use crate::onnx::{Dim, Element, TensorInfo};
use crate::pack::{Pack, PackGraph};
use crate::plan::DecodePlan;
use crate::transformers::{
    EncodePlan, WavePlan, is_frame_transform, is_transformer, is_wave_transform,
};

/// Checks every graph of a pack, and that its decoder can be played where this version plays its kind.
pub(crate) fn check(pack: &Pack) -> Result<(), PackError> {
    for (name, spec) in pack.manifest().graphs.iter() {
        let Some(graph) = pack.graph(name) else {
            continue;
        };
        let tensors = Tensors {
            pack: pack.name(),
            spec,
            graph,
        };
        tensors.check_inputs()?;
        tensors.check_outputs()?;
    }
    let plays = pack.manifest().representation.has_columns() && pack.manifest().tokens.is_none();
    if plays && pack.graph("decode").is_some() {
        DecodePlan::new(pack)?;
    }
    if crate::events::is_event_model(pack.manifest()) {
        EventPlan::new(pack)?;
    }
    if is_frame_model(pack.manifest()) {
        FramePlan::new(pack)?;
    }
    if is_token_model(pack.manifest()) {
        TokenPlan::new(pack)?;
    }
    if is_wave_model(pack.manifest()) {
        wave_plan(pack)?;
    }
    if is_wave_transform(pack.manifest()) {
        WavePlan::new(pack)?;
    }
    if is_transformer(pack.manifest()) && is_frame_transform(pack.manifest()) {
        EncodePlan::new(pack)?;
    }
    Ok(())
}

struct Tensors<'a> {
    pack: &'a str,
    spec: &'a GraphSpec,
    graph: &'a PackGraph,
}

impl Tensors<'_> {
    fn check_inputs(&self) -> Result<(), PackError> {
        for spec in &self.spec.inputs {
            let info = self.find(&self.graph.info.inputs, spec, "inputs")?;
            self.check_tensor(spec, info)?;
        }
        for info in &self.graph.info.inputs {
            if !self.spec.inputs.iter().any(|spec| spec.tensor == info.name) {
                return Err(self.complain(
                    &info.name,
                    format!(
                        "be named in 'graphs.{}.inputs', because the graph needs it",
                        self.graph.name
                    ),
                    "the manifest does not name it".into(),
                    "give it a role in the manifest, or remove the input from the graph",
                ));
            }
        }
        Ok(())
    }

    fn check_outputs(&self) -> Result<(), PackError> {
        for spec in &self.spec.outputs {
            let info = self.find(&self.graph.info.outputs, spec, "outputs")?;
            self.check_tensor(spec, info)?;
        }
        Ok(())
    }

    fn find<'t>(
        &self,
        tensors: &'t [TensorInfo],
        spec: &TensorSpec,
        side: &str,
    ) -> Result<&'t TensorInfo, PackError> {
        tensors
            .iter()
            .find(|info| info.name == spec.tensor)
            .ok_or_else(|| {
                let names: Vec<&str> = tensors
                    .iter()
                    .take(16)
                    .map(|info| info.name.as_str())
                    .collect();
                self.complain(
                    &spec.tensor,
                    format!("be among the graph's {side}, as the manifest says"),
                    format!(
                        "the graph has {}",
                        if names.is_empty() {
                            "none".to_owned()
                        } else {
                            names.join(", ")
                        }
                    ),
                    "correct the name in the manifest, or export the graph with it",
                )
            })
    }

    fn check_tensor(&self, spec: &TensorSpec, info: &TensorInfo) -> Result<(), PackError> {
        if !element_fits(spec.role, info.element) {
            return Err(self.complain(
                &spec.tensor,
                format!("hold {}", expected_element(spec.role)),
                format!("it holds {}", info.element),
                "cast inside the graph and export it again",
            ));
        }
        // A graph without shapes leaves them to the dry run.
        if info.dims.is_empty() || shape_fits(&spec.shape, &info.dims) {
            return Ok(());
        }
        Err(self.complain(
            &spec.tensor,
            format!(
                "have the shape {}, as the manifest says",
                axes_text(&spec.shape)
            ),
            format!("the graph has {}", info.shape_text()),
            "correct the shape in the manifest, or export the graph with it",
        ))
    }

    fn complain(
        &self,
        tensor: &str,
        expected: String,
        found: String,
        advice: &'static str,
    ) -> PackError {
        let (pack, graph) = (self.pack.to_owned(), self.graph.name);
        PackError::Tensor {
            pack,
            graph,
            tensor: tensor.into(),
            expected,
            found: found.into(),
            advice,
        }
    }
}

fn element_fits(role: Role, element: Element) -> bool {
    match role {
        Role::Class | Role::Token | Role::Level | Role::Event => {
            matches!(element, Element::Int64 | Element::Int32 | Element::Float32)
        }
        Role::State => true,
        _ => element == Element::Float32,
    }
}

fn expected_element(role: Role) -> &'static str {
    match role {
        Role::Class | Role::Token | Role::Level | Role::Event => "int64, int32 or float32",
        _ => "float32",
    }
}

fn shape_fits(declared: &[Axis], held: &[Dim]) -> bool {
    let axis_fits = |(index, (axis, dim)): (usize, (&Axis, &Dim))| match (axis, dim) {
        (Axis::Fixed(a), Dim::Fixed(b)) => *a as u64 == *b,
        // A batch that the manifest calls dynamic may still be fixed in the graph: it then runs at that size.
        (Axis::Named(_), Dim::Fixed(_)) => index == 0,
        _ => true,
    };
    declared.len() == held.len() && declared.iter().zip(held).enumerate().all(axis_fits)
}

fn axes_text(axes: &[Axis]) -> String {
    let text = |axis: &Axis| match axis {
        Axis::Named(name) => name.clone(),
        Axis::Fixed(length) => length.to_string(),
    };
    format!("[{}]", axes.iter().map(text).collect::<Vec<_>>().join(", "))
}
