use std::io::{self, IsTerminal, Read};

use auth::store::UserStores;
use clap::{Args, Subcommand};
use domain::{ChangeAuthor, Email, IdGenerator, Role};

use super::Outcome;
use crate::{
    assembly, first_admin,
    settings::StoreSettings,
    stores::{close_stores, open_user_db},
};

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Create a user with any roles, such as the first administrator
    Create(Box<CreateUser>),
}

#[derive(Debug, Args)]
pub(crate) struct CreateUser {
    /// The address the user logs in with
    #[arg(long)]
    email: Email,
    /// USER, OPERATOR, AUDITOR or ADMIN; may be repeated
    #[arg(long = "role", default_value = "USER")]
    roles: Vec<Role>,
    /// Read the password from standard input. Else it is asked for on a terminal, or generated and printed
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    stores: StoreSettings,
}

impl UserCommand {
    pub(crate) async fn run(self) -> Outcome {
        let UserCommand::Create(create) = self;
        create.run().await
    }
}

impl CreateUser {
    async fn run(self) -> Outcome {
        let (password, generated) = self.password()?;
        let UserStores { users, audit, connection, .. } = open_user_db(&self.stores).await?;
        let ids = IdGenerator::new(assembly::system_clock());
        let roles = self.roles.iter().copied().collect();
        let author = ChangeAuthor::COMMAND;
        let created = auth::create_user(users.as_ref(), &ids, self.email, &password, roles, author).await;
        if let (Ok(_), Err(error)) = (&created, audit.chain_drafts().await) {
            eprintln!(
                "guerdon: the audit log gets its entry from the next process that serves auth: {error}"
            );
        }
        close_stores(&[connection]).await;
        let user = created?;
        println!("Created {} with id {}", user.email, user.id);
        if generated {
            println!("Password: {password}");
        }
        Ok(())
    }

    fn password(&self) -> io::Result<(String, bool)> {
        if self.password_stdin {
            let mut password = String::new();
            io::stdin().read_to_string(&mut password)?;
            return Ok((password.trim_end_matches(['\r', '\n']).to_owned(), false));
        }
        if io::stdin().is_terminal() {
            let first = rpassword::prompt_password("Password (empty to have one generated): ")?;
            if !first.is_empty() {
                let again = rpassword::prompt_password("Again: ")?;
                return if first == again {
                    Ok((first, false))
                } else {
                    Err(io::Error::other("the two passwords differ"))
                };
            }
        }
        Ok((first_admin::generated_password(), true))
    }
}
