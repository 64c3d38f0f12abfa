"""The encoder of the keys VAE: its answer lies nearer to the note than what it chose from."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="no torch here; the training environment runs this")

from afterimage_models.keys_vae.encoding import corrected, encode_note, summary_of  # noqa: E402
from afterimage_models.keys_vae.iterated import STEPS, IteratedEncoder  # noqa: E402
from afterimage_models.keys_vae.network import Encoder  # noqa: E402
from afterimage_models.note_data import RenderedNote  # noqa: E402
from afterimage_models.pitched.bins_decoder import BinsDecoder  # noqa: E402
from afterimage_models.pitched.refine import NoteDistance  # noqa: E402
from afterimage_models.spectrum import SAMPLE_RATE  # noqa: E402


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(3)
    return IteratedEncoder(Encoder(), BinsDecoder()).eval()


@pytest.fixture(scope="module")
def note():
    """Half a second of a decaying tone of four partials."""
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    partials = sum(np.sin(2 * np.pi * 220.0 * k * time) / k for k in range(1, 5))
    return RenderedNote((0.1 * partials * np.exp(-3.0 * time)).astype(np.float32), 57, 57.0, 0.8, 0.4)


def test_the_last_iterate_is_the_corrected_latent(encoder, note):
    iterates = encoder.iterates(summary_of(note))
    assert len(iterates) == STEPS + 1
    np.testing.assert_array_equal(iterates[-1][0].numpy(), corrected(encoder, note))


def test_a_note_is_encoded_nearer_to_its_frames_than_any_iterate(encoder, note):
    distance = NoteDistance(encoder.decoder, [note])
    answer = torch.tensor(encode_note(encoder, note)[None])
    with torch.no_grad():
        chosen_from = [float(distance(latent)) for latent in encoder.iterates(summary_of(note))]
        assert float(distance(answer)) < min(chosen_from)
