"""Trains codec and prior within a budget of seconds, with a result that is always whole: `python -m ...juke.job`."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..packing import packed, unpacked
from .codec import Codec, CodecShape
from .codec_training import CodecTrainer
from .corpus_frames import ANY_LABEL, SPEEDS, flat_frames, read_pieces
from .prior import Prior, PriorShape
from .prior_training import PriorTrainer, flat_tokens


class Run:
    """One training: what is made, and the file that it goes to."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments, self.began = arguments, time.monotonic()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(20261123)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        self.saved: dict[str, Any] = {"run": arguments.run, "codec_s": 0.0, "prior_s": 0.0}
        if arguments.resume and Path(arguments.resume).exists():
            saved = torch.load(arguments.resume, weights_only=True, map_location="cpu")
            self.saved = saved if saved["run"] == arguments.run else self.saved

    def left_s(self) -> float:
        """Seconds of the budget that are left, but for those that the end takes."""
        return self.arguments.seconds - (time.monotonic() - self.began) - self.arguments.spare

    def keep(self) -> None:
        """Write the result in one move."""
        scratch = self.arguments.out.with_suffix(".tmp")
        torch.save(self.saved, scratch)
        scratch.replace(self.arguments.out)

    def read(self) -> None:
        """Decode the corpus and make its frames at all speeds."""
        most = self.arguments.most
        train, test = (read_pieces(self.arguments.corpus, split, most) for split in ("train", "test"))
        test = test[::2]  # the others are left for the figures on the card
        self.names = [*sorted({p.label for p in train}), ANY_LABEL]
        self.labels, self.test_labels = (
            torch.tensor([self.names.index(p.label) for p in pieces], device=self.device) for pieces in (train, test)
        )
        speeds = SPEEDS[: self.arguments.speeds]
        self.variants = [flat_frames(train, speed, self.device) for speed in speeds]
        self.test = flat_frames(test, SPEEDS[0], self.device)
        frames = [len(v.frames) for v in self.variants]
        print(f"read {len(train)} and {len(test)} pieces, frames {frames}, {self._spent():.0f} s", flush=True)

    def _spent(self) -> float:
        return time.monotonic() - self.began

    def codec(self) -> Codec:
        """The trained codec."""
        shape = CodecShape(**self.saved.get("codec_shape", {}))
        codec = Codec(shape).to(self.device)
        if "codec" in self.saved:
            codec.load_state_dict(unpacked(self.saved["codec"]))
        wanted = self.arguments.codec_share * self.arguments.seconds
        budget = min(wanted - self.saved["codec_s"], self.left_s())
        if self.saved["codec_s"] < 0.5 * wanted:
            trainer = CodecTrainer(codec, self.variants, self.arguments.rows)

            def keep() -> None:
                self.saved |= {"codec": packed(trainer.average.state_dict()), "codec_shape": asdict(shape)}
                self.keep()

            trainer.run(budget, self.test, keep)
            self.saved["codec_s"] += budget
            codec = trainer.average
        # What is saved is what the prior learns on.
        codec.load_state_dict(unpacked(self.saved["codec"]))
        return codec.to(self.device).eval()

    def prior(self, codec: Codec) -> None:
        """Train the prior for the seconds that are left."""
        shape = PriorShape(codec.shape.codes, len(self.names))
        prior = Prior(shape).to(self.device)
        if "prior" in self.saved:
            prior.load_state_dict(unpacked(self.saved["prior"]))
        trainer = PriorTrainer(prior, codec, self.variants, self.labels, self.arguments.prior_rows)
        held_out = flat_tokens(codec, self.test, self.test_labels, 1.0, 0.0)
        began, first = time.monotonic(), self.saved["prior_s"]

        def keep() -> None:
            self.saved |= {"prior": packed(trainer.best.state_dict()), "prior_shape": asdict(shape)}
            self.saved |= {"labels": self.names, "prior_s": first + time.monotonic() - began}
            self.keep()

        last = first + self.left_s()
        trainer.run((first, last, max(self.arguments.prior_share * self.arguments.seconds, last)), held_out, keep)


def parser() -> argparse.ArgumentParser:
    """The command line; the environment gives what a machine decides."""
    root = argparse.ArgumentParser(prog="python -m afterimage_models.juke.job")
    root.add_argument("--corpus", type=Path, default=os.environ.get("CORPUS"))
    root.add_argument("--out", type=Path, default=os.environ.get("OUT_FILE"))
    root.add_argument("--resume", default=os.environ.get("RESUME_FILE", ""))
    root.add_argument("--seconds", type=float, default=float(os.environ.get("SECONDS_BUDGET", "600")))
    root.add_argument("--spare", type=float, default=8.0, help="seconds kept for the end")
    root.add_argument("--run", default="2", help="name of the run; a result of another is not gone on from")
    root.add_argument("--codec-share", type=float, default=0.82, help="of the seconds, once")
    root.add_argument("--prior-share", type=float, default=1.05, help="what the learning rate of the prior spans")
    root.add_argument("--rows", type=int, default=192)
    root.add_argument("--prior-rows", type=int, default=128)
    root.add_argument("--speeds", type=int, default=len(SPEEDS))
    root.add_argument("--most", type=int, help="pieces of a label, for a trial")
    return root


def main(words: list[str] | None = None) -> None:
    """Train, as the words of a command line say."""
    run = Run(parser().parse_args(words))
    print(f"device {run.device}, torch {torch.__version__}", flush=True)
    run.read()
    run.prior(run.codec())


if __name__ == "__main__":
    main()
