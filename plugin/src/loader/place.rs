//! Sets the knobs to a sound: the encoder says where it lies, the window moves the parameters there. Loader thread.
//!
//! The window moves them, because only it can do so by the host's gestures, for automation and undo to see.

use afterimage_neural::{has_encoder, place_of_sound};

use super::{Work, runtime, suitable};
use crate::state::{ModelField, PlaceSource};
use crate::takes::heard_file::read_sound;
use crate::takes::keeper;

impl Work {
    /// Finds the place of a sound in the latent space of the pack that `field` names, and leaves it there for the
    /// window.
    ///
    /// # Errors
    /// One sentence; the knobs then stay where they are.
    pub(super) fn place(&self, field: &ModelField, source: &PlaceSource) -> Result<(), String> {
        let (samples, rate_hz) = match source {
            PlaceSource::File(path) => read_sound(path)?,
            PlaceSource::LastTake => self.last_take()?,
        };
        let complaint =
            "has no encoder, so that no sound has a place in it; choose a pack that transforms";
        let pack = suitable(&field.reference(), has_encoder, complaint)?;
        let place = place_of_sound(&pack, runtime(), (&samples, rate_hz))?;
        field.put_place(pack.hash(), place);
        Ok(())
    }

    /// The newest take of sound, one channel and its rate.
    fn last_take(&self) -> Result<(Vec<f32>, u32), String> {
        let list = self.view.takes.list();
        let newest = list.takes.iter().find(|take| !take.is_of_notes());
        let newest = newest.ok_or("There is no take of sound yet; continue a sound first.")?;
        let sound = keeper::store().read(&newest.id)?.sound;
        let channels = usize::from(sound.channels.max(1));
        let mix = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
        let samples = sound.samples.chunks_exact(channels).map(mix).collect();
        Ok((samples, sound.rate_hz))
    }
}
