//! The fallback backend: rten, pure Rust, linked into the plugin, on one thread of its own.
//!
//! The first run also starts rten's process-wide pool (a sleeping thread a core), although nothing
//! is sent to it; it never stops, so a module that ran this backend has to stay loaded.

use std::sync::Arc;

use afterimage_engine::ask_for_precedence;
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use rten_tensor::prelude::AsView;
use rten_tensor::{NdTensor, TensorView};

use super::{Backend, BackendKind, InputBuffer, Values, without_panic, words};
use crate::native::set_flush_denormals;
use crate::onnx::steady_softplus;

/// A pool of one thread that treats denormals as zero and goes before ordinary threads, as the worker does, who waits for
/// it.
pub(crate) fn pool() -> Arc<ThreadPool> {
    let pool = ThreadPool::with_num_threads(1);
    pool.run(|| {
        set_flush_denormals();
        ask_for_precedence()
    });
    Arc::new(pool)
}

/// A model over one graph.
pub(crate) struct Embedded {
    model: Model,
    pool: Arc<ThreadPool>,
    outputs: Vec<NodeId>,
}

impl Embedded {
    /// Reads a graph.
    pub(crate) fn open(
        pool: &Arc<ThreadPool>,
        graph: &[u8],
        outputs: &[&str],
    ) -> Result<Self, String> {
        let graph = steady_softplus(graph).map_err(|error| error.found.to_owned())?;
        let model = without_panic(|| {
            // Packed once, not at every call.
            let mut options = ModelOptions::with_all_ops();
            options.prepack_weights(true).load(graph).map_err(words)
        })?;
        let outputs: Result<_, _> = outputs
            .iter()
            .map(|name| model.node_id(name).map_err(words))
            .collect();
        Ok(Self {
            model,
            pool: pool.clone(),
            outputs: outputs?,
        })
    }
}

impl Backend for Embedded {
    fn kind(&self) -> BackendKind {
        BackendKind::Embedded
    }

    fn run(
        &mut self,
        rows: usize,
        inputs: &[InputBuffer],
        consume: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), String> {
        let mut values = Vec::with_capacity(inputs.len());
        for input in inputs {
            let node = self.model.node_id(&input.name).map_err(words)?;
            values.push((node, view(input, rows)));
        }
        let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
        let outputs = without_panic(|| {
            self.model
                .run(values, &self.outputs, Some(options))
                .map_err(words)
        })?;
        for (place, output) in outputs.iter().enumerate() {
            let Value::FloatTensor(output) = output else {
                return Err("an output is not float32".into());
            };
            match output.data() {
                Some(data) => consume(place, data),
                None => consume(place, &output.to_vec()),
            }
        }
        Ok(())
    }
}

fn view(input: &InputBuffer, rows: usize) -> ValueOrView<'_> {
    let (shape, length) = (input.shape(rows), rows * input.width);
    match &input.values {
        Values::F32(values) => ValueOrView::View(ValueView::from(TensorView::from_data(
            shape.as_slice(),
            &values[..length],
        ))),
        // rten has no 64-bit integers: class labels fit into 32.
        Values::I64(values) => {
            let narrow: Vec<i32> = values[..length].iter().map(|value| *value as i32).collect();
            ValueOrView::Value(Value::from(
                NdTensor::from_data([length], narrow).into_shape(shape.as_slice()),
            ))
        }
        Values::I32(values) => ValueOrView::View(ValueView::from(TensorView::from_data(
            shape.as_slice(),
            &values[..length],
        ))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may unwrap")]
mod tests {
    use super::*;

    const STEEP: &[u8] = include_bytes!("../../tests/fixtures/steep.onnx");

    /// What a model gives at a key far from the middle.
    fn frame(model: &Model) -> Vec<f32> {
        let input = |name: &str, values: &[f32]| {
            let node = model.node_id(name).unwrap();
            let tensor = NdTensor::from_data([1, values.len()], values.to_vec());
            (node, ValueOrView::Value(Value::from(tensor)))
        };
        let inputs = vec![
            input("latent", &[3.0; 4]),
            input("pitch", &[100.0]),
            input("velocity", &[1.0]),
            input("time_on", &[0.0]),
            input("time_off", &[-1.0]),
        ];
        let frame = model.node_id("frame").unwrap();
        let outputs = model.run(inputs, &[frame], None).unwrap();
        let Value::FloatTensor(frame) = &outputs[0] else {
            return Vec::new();
        };
        frame.to_vec()
    }

    #[test]
    fn a_softplus_of_large_numbers_is_finite() {
        let frame_of = |graph: &[u8]| frame(&Model::load(graph.to_vec()).unwrap());
        let steady = frame_of(&steady_softplus(STEEP).unwrap());
        assert_eq!(steady.len(), 33);
        assert!(steady.iter().all(|level| level.is_finite()), "{steady:?}");
        // Negative control: as it was exported, the runtime overflows.
        let raw = frame_of(STEEP);
        assert!(raw.iter().any(|level| level.is_infinite()), "{raw:?}");
        for (raw, steady) in raw.iter().zip(&steady) {
            assert!(raw.is_infinite() || (raw - steady).abs() < 1e-4);
        }
    }
}
