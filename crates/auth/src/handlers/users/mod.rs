pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod me;
pub(crate) mod roles_question;
pub(crate) mod set_password;
pub(crate) mod set_roles;
