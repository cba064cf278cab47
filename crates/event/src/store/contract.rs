//! What every adapter must do, races included: one suite per port. An adapter runs each of these on it.
