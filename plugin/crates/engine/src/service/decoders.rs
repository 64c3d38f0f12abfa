//! Decoders, shared by all instances that play the same pack on the same backend, and counted.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::contract::Decoder;

/// What makes two decoders the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecoderKey {
    /// Hash of the pack's content.
    pub pack_hash: String,
    /// Name of the backend that runs it.
    pub backend: String,
}

pub(crate) struct SharedDecoder {
    key: DecoderKey,
    max_rows: usize,
    // Uncontended: only the worker decodes. The lock proves the one owner to the compiler.
    pub(crate) decoder: Mutex<Box<dyn Decoder>>,
}

/// A counted share of a decoder. The last one to go frees it.
#[derive(Clone)]
pub struct DecoderHandle(pub(crate) Arc<SharedDecoder>);

impl DecoderHandle {
    /// A share of a decoder that is in no registry. Allocates.
    pub fn unshared(key: DecoderKey, decoder: Box<dyn Decoder>) -> Self {
        let max_rows = decoder.max_rows().max(1);
        Self(Arc::new(SharedDecoder {
            key,
            max_rows,
            decoder: Mutex::new(decoder),
        }))
    }

    /// What the decoder is known by.
    pub fn key(&self) -> &DecoderKey {
        &self.0.key
    }

    /// Instances and links that hold this decoder.
    pub fn shares(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    pub(crate) fn max_rows(&self) -> usize {
        self.0.max_rows
    }
}

impl std::fmt::Debug for DecoderHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DecoderHandle").field(&self.0.key).finish()
    }
}

/// All decoders in use, by key.
#[derive(Default)]
pub(super) struct Registry {
    by_key: Mutex<HashMap<DecoderKey, Weak<SharedDecoder>>>,
}

impl Registry {
    /// The decoder of that key, made if nobody holds it. Whoever else asks meanwhile waits.
    pub(super) fn get_or_make<E>(
        &self,
        key: &DecoderKey,
        make: impl FnOnce() -> Result<Box<dyn Decoder>, E>,
    ) -> Result<DecoderHandle, E> {
        let mut by_key = self.by_key.lock();
        by_key.retain(|_, decoder| decoder.strong_count() > 0);
        if let Some(shared) = by_key.get(key).and_then(Weak::upgrade) {
            return Ok(DecoderHandle(shared));
        }
        let handle = DecoderHandle::unshared(key.clone(), make()?);
        by_key.insert(key.clone(), Arc::downgrade(&handle.0));
        Ok(handle)
    }

    /// How many decoders are alive.
    pub(super) fn alive(&self) -> usize {
        self.by_key
            .lock()
            .values()
            .filter(|decoder| decoder.strong_count() > 0)
            .count()
    }
}
