use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};

use domain::RandomSource;

use super::Password;

/// 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet).
const PARAMS: Params = match Params::new(19_456, 2, 1, Some(OUTPUT)) {
    Ok(params) => params,
    Err(_) => panic!("the parameters are within Argon2's limits"),
};
const OUTPUT: usize = 32;
const SALT: usize = 16;
/// What a stored hash may ask for at most: 256 MiB, 16 passes, 16 lanes.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;

/// A password could not be hashed: a stored hash is unreadable. For the log only.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Argon2 refused its input.
    #[error("argon2: {0}")]
    Argon2(#[from] argon2::Error),
    /// A PHC string is malformed.
    #[error("PHC string: {0}")]
    Phc(#[from] argon2::password_hash::phc::Error),
    /// A PHC string names parameters that Argon2 does not have.
    #[error("parameters: {0}")]
    Parameters(#[from] argon2::password_hash::Error),
    /// A PHC string asks for more memory or passes than any password is worth: one imported record must not take
    /// the machine down.
    #[error("the stored parameters ask for too much: {memory_kib} KiB, {passes} passes, {lanes} lanes")]
    TooCostly {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// A PHC string names something else than Argon2, or has no salt or hash.
    #[error("not a complete Argon2 PHC string")]
    Incomplete,
}

/// Argon2id with its memory, which is kept from one hash to the next: mapping 19 MiB anew costs about a tenth of a hash.
#[derive(Debug, Default)]
pub(crate) struct Hasher {
    blocks: Vec<Block>,
    /// Where salts come from.
    random: RandomSource,
}

impl Hasher {
    /// A PHC string with a fresh salt.
    pub(crate) fn hash(&mut self, password: &Password) -> Result<String, HashError> {
        let salt = self.random.bytes::<SALT>();
        let output = self.run(Algorithm::Argon2id, Version::V0x13, PARAMS, password, &salt, OUTPUT)?;
        let hash = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&PARAMS)?,
            salt: Some(Salt::new(&salt)?),
            hash: Some(output),
        };
        Ok(hash.to_string())
    }

    /// Whether this is the password behind a PHC string, compared in constant time. Without a string it takes the same
    /// time to say no, so that nobody can tell from it who is registered.
    pub(crate) fn verify(&mut self, password: &Password, phc: Option<&str>) -> Result<bool, HashError> {
        let Some(phc) = phc else {
            self.run(Algorithm::Argon2id, Version::V0x13, PARAMS, password, &[0; SALT], OUTPUT)?;
            return Ok(false);
        };
        let stored = PasswordHash::new(phc)?;
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
            return Err(HashError::Incomplete);
        };
        let algorithm = Algorithm::try_from(stored.algorithm.as_str())?;
        let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from)?;
        let params = affordable(Params::try_from(&stored)?)?;
        Ok(self.run(algorithm, version, params, password, salt, expected.len())? == *expected)
    }

    fn run(
        &mut self,
        algorithm: Algorithm,
        version: Version,
        params: Params,
        password: &Password,
        salt: &[u8],
        length: usize,
    ) -> Result<Output, HashError> {
        if self.blocks.len() < params.block_count() {
            self.blocks.resize(params.block_count(), Block::default());
        }
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..length).ok_or(HashError::Incomplete)?;
        let argon2 = Argon2::new(algorithm, version, params);
        argon2.hash_password_into_with_memory(password.bytes(), salt, output, &mut self.blocks)?;
        // A costlier hash than ours is rare: its memory is not kept.
        self.blocks.truncate(PARAMS.block_count());
        self.blocks.shrink_to_fit();
        Ok(Output::new(output)?)
    }
}

/// Refuses parameters before any memory is taken for them.
fn affordable(params: Params) -> Result<Params, HashError> {
    let (memory_kib, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    if memory_kib > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
        return Err(HashError::TooCostly { memory_kib, passes, lanes });
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_hash_is_argon2id_with_owasp_parameters_and_its_own_salt() {
        let mut hasher = Hasher::default();
        let one = hasher.hash(&password("correct horse")).unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(hasher.hash(&password("correct horse")).unwrap(), one);
        assert!(hasher.verify(&password("correct horse"), Some(&one)).unwrap());
        assert!(!hasher.verify(&password("correct Horse"), Some(&one)).unwrap());
        assert!(!hasher.verify(&password("correct horse"), None).unwrap());
    }

    #[test]
    fn hashes_of_other_parameters_and_of_the_reference_implementation_are_understood() {
        // test.c of the reference implementation: password, somesalt, t=2, m=2^16, p=1.
        let reference =
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let mut hasher = Hasher::default();
        assert!(hasher.verify(&password("password"), Some(reference)).unwrap());
        let own = hasher.hash(&password("correct horse")).unwrap();
        assert!(hasher.verify(&password("correct horse"), Some(&own)).unwrap());
    }

    #[test]
    fn a_stored_hash_that_asks_for_gibibytes_is_refused_before_any_memory_is_taken() {
        for absurd in ["m=10485760,t=2,p=1", "m=19456,t=100000,p=1", "m=19456,t=2,p=200"] {
            let phc =
                format!("$argon2id$v=19${absurd}$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
            let mut hasher = Hasher::default();
            let refused = hasher.verify(&password("x"), Some(&phc));
            assert!(matches!(refused, Err(HashError::TooCostly { .. })), "{absurd}: {refused:?}");
            assert!(hasher.blocks.is_empty());
        }
    }

    #[test]
    fn an_unreadable_hash_is_an_error_and_not_a_wrong_password() {
        for bad in [
            "",
            "plain",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$scrypt$ln=16$c29tZXNhbHQ$c29tZWhhc2hzb21laGFzaA",
        ] {
            assert!(Hasher::default().verify(&password("x"), Some(bad)).is_err(), "{bad}");
        }
    }
}
