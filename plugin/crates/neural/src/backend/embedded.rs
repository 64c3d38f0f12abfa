//! The fallback backend: rten, pure Rust, linked into the plugin, on one thread of its own.
//!
//! The first run also starts rten's process-wide pool (a sleeping thread a core), although nothing
//! is sent to it; it never stops, so a module that ran this backend has to stay loaded.

use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use rten_tensor::prelude::AsView;
use rten_tensor::{NdTensor, TensorView};

use super::{Backend, BackendKind, InputBuffer, Values, without_panic, words};
use crate::native::set_flush_denormals;

/// A pool of one thread that treats denormals as zero, as the worker does.
pub(crate) fn pool() -> Arc<ThreadPool> {
    let pool = ThreadPool::with_num_threads(1);
    pool.run(set_flush_denormals);
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
        let model = without_panic(|| Model::load(graph.to_vec()).map_err(words))?;
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
