//! Hosts, detectors and scenes for the tests of the built bundles.
