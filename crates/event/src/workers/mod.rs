//! Background work of the service.

mod tidy_activities;

pub use tidy_activities::ActivityTidier;
