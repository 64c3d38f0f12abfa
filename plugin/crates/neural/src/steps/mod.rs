//! Graphs that go step by step: what one step takes and gives, and the state carried between steps.
//!
//! Event models run their `predict` by this, frame models their `predict` and `prime`. Loader and worker
//! threads only.

mod carried;
mod model;
mod plan;
mod queue;

pub(crate) use carried::{Carried, Place};
pub(crate) use model::{States, StepModel, StepValues};
pub(crate) use plan::{StepFill, StepGraph, StepPlan};
pub(crate) use queue::Queue;
