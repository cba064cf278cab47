//! Hashes of passwords: made with Argon2id, checked with what each stored one names.

use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use domain::RandomSource;

use super::Password;

/// 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet).
const PARAMS: Params = match Params::new(19_456, 2, 1, Some(OUTPUT_BYTES)) {
    Ok(params) => params,
    Err(_) => panic!("the parameters are within Argon2's limits"),
};
const OUTPUT_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
/// Most memory that checking a stored hash may take, in KiB: 256 MiB. Imported hashes can name up to 4 TiB.
const MEMORY_MAX: u32 = 256 * 1024;
/// Most passes over the memory that checking a stored hash may take.
const PASSES_MAX: u32 = 16;
/// Most lanes that a stored hash may have been made with.
const LANES_MAX: u32 = 16;

/// A password could not be hashed: a stored hash is unreadable. For the log only.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Argon2 refused its input.
    #[error("argon2: {0}")]
    Argon2(#[from] argon2::Error),
    /// A PHC string is malformed, or its hash is longer than 64 bytes.
    #[error("PHC string: {0}")]
    Phc(#[from] argon2::password_hash::phc::Error),
    /// A PHC string names parameters that Argon2 does not have.
    #[error("parameters: {0}")]
    Parameters(#[from] argon2::password_hash::Error),
    /// A PHC string names something else than Argon2, or has no salt or hash.
    #[error("not a complete Argon2 PHC string")]
    Incomplete,
    /// A PHC string names parameters beyond 256 MiB of memory, 16 passes or 16 lanes.
    #[error("takes more than 256 MiB, 16 passes or 16 lanes: m={memory_kib}, t={passes}, p={lanes}")]
    TooCostly {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes of the memory.
        lanes: u32,
    },
}

/// Argon2 with its memory, which is kept from one hash to the next: mapping 19 MiB anew costs about a tenth
/// of a hash.
#[derive(Debug, Default)]
pub(crate) struct Hasher {
    blocks: Vec<Block>,
    salts: RandomSource,
}

/// What a hash is made with besides the password.
struct HashRecipe<'a> {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: &'a [u8],
    output_bytes: usize,
}

impl Hasher {
    /// A hasher that draws salts from this source.
    pub(crate) fn new(salts: RandomSource) -> Self {
        Self { blocks: Vec::new(), salts }
    }

    /// A PHC string with a fresh salt.
    pub(crate) fn hash(&mut self, password: &Password) -> Result<String, HashError> {
        let salt = self.salts.bytes::<SALT_BYTES>();
        let output = self.run_argon2(&HashRecipe::current(&salt), password.normalised().as_bytes())?;
        let hash = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&PARAMS)?,
            salt: Some(Salt::new(&salt)?),
            hash: Some(output),
        };
        Ok(hash.to_string())
    }

    /// Whether this is the password behind a PHC string, compared in constant time. Without a string it takes
    /// the same time to say no, so that nobody can tell from it who is registered.
    ///
    /// A password that was typed in another form than NFC is tried in NFC first and then as it was typed:
    /// hashes of earlier versions were made from what was typed. A string whose parameters are beyond what is
    /// checked is refused before any memory is taken.
    pub(crate) fn verify(&mut self, password: &Password, phc: Option<&str>) -> Result<bool, HashError> {
        let Some(phc) = phc else {
            for spelling in password.spellings() {
                self.run_argon2(&HashRecipe::current(&[0; SALT_BYTES]), spelling)?;
            }
            return Ok(false);
        };
        let stored = PasswordHash::new(phc)?;
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
            return Err(HashError::Incomplete);
        };
        let recipe = HashRecipe {
            algorithm: Algorithm::try_from(stored.algorithm.as_str())?,
            version: stored.version.map_or(Ok(Version::V0x13), Version::try_from)?,
            params: affordable_params(&stored)?,
            salt,
            output_bytes: expected.len(),
        };
        for spelling in password.spellings() {
            if self.run_argon2(&recipe, spelling)? == *expected {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn run_argon2(&mut self, recipe: &HashRecipe, password: &[u8]) -> Result<Output, HashError> {
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..recipe.output_bytes).ok_or(HashError::Incomplete)?;
        let needed = recipe.params.block_count();
        if self.blocks.len() < needed {
            self.blocks.resize(needed, Block::default());
        }
        let argon2 = Argon2::new(recipe.algorithm, recipe.version, recipe.params.clone());
        let hashed = argon2.hash_password_into_with_memory(password, recipe.salt, output, &mut self.blocks);
        // One costly hash does not keep its memory for as long as the thread lives.
        self.blocks.truncate(PARAMS.block_count());
        self.blocks.shrink_to(PARAMS.block_count());
        hashed?;
        Ok(Output::new(output)?)
    }
}

impl<'a> HashRecipe<'a> {
    /// What new hashes are made with.
    fn current(salt: &'a [u8]) -> Self {
        Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: PARAMS,
            salt,
            output_bytes: OUTPUT_BYTES,
        }
    }
}

/// The parameters of a stored hash, if checking it takes a bounded amount of memory and time.
fn affordable_params(stored: &PasswordHash) -> Result<Params, HashError> {
    let params = Params::try_from(stored)?;
    let (memory_kib, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    if memory_kib > MEMORY_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
        return Err(HashError::TooCostly { memory_kib, passes, lanes });
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::{super::PasswordSpellings, *};

    fn tried_password(text: &str) -> Password {
        Password::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_hash_is_argon2id_with_owasp_parameters_and_its_own_salt() {
        let mut hasher = Hasher::default();
        let one = hasher.hash(&tried_password("correct horse")).unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(hasher.hash(&tried_password("correct horse")).unwrap(), one);
        assert!(hasher.verify(&tried_password("correct horse"), Some(&one)).unwrap());
        assert!(!hasher.verify(&tried_password("correct Horse"), Some(&one)).unwrap());
        assert!(!hasher.verify(&tried_password("correct horse"), None).unwrap());
    }

    #[test]
    fn hashes_of_other_parameters_and_of_the_reference_implementation_are_understood() {
        // test.c of the reference implementation: password, somesalt, t=2, m=2^16, p=1.
        let reference =
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let mut hasher = Hasher::default();
        assert!(hasher.verify(&tried_password("password"), Some(reference)).unwrap());
        let own = hasher.hash(&tried_password("correct horse")).unwrap();
        assert!(hasher.verify(&tried_password("correct horse"), Some(&own)).unwrap());
    }

    #[test]
    fn an_unreadable_hash_is_an_error_and_not_a_wrong_password() {
        for bad in [
            "",
            "plain",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$scrypt$ln=16$c29tZXNhbHQ$c29tZWhhc2hzb21laGFzaA",
        ] {
            assert!(Hasher::default().verify(&tried_password("x"), Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_right_in_nfc_and_in_nfd_whichever_was_hashed() {
        let (nfc, nfd) = ("caf\u{e9} cr\u{e8}me", "cafe\u{301} cre\u{300}me");
        let mut hasher = Hasher::default();
        for chosen in [nfc, nfd] {
            let hash = hasher.hash(&tried_password(chosen)).unwrap();
            for typed in [nfc, nfd] {
                assert!(hasher.verify(&tried_password(typed), Some(&hash)).unwrap(), "{chosen:?} {typed:?}");
            }
            assert!(!hasher.verify(&tried_password("cafe creme"), Some(&hash)).unwrap());
        }
    }

    #[test]
    fn a_hash_that_an_earlier_version_made_of_nfd_is_still_right_for_who_types_nfd() {
        let nfd = "cafe\u{301} cre\u{300}me";
        let mut hasher = Hasher::default();
        let earlier = Password(PasswordSpellings { normalised: nfd.to_owned(), typed: None });
        let hash = hasher.hash(&earlier).unwrap();
        assert!(hasher.verify(&tried_password(nfd), Some(&hash)).unwrap());
        assert!(!hasher.verify(&tried_password("cafe\u{301} creme"), Some(&hash)).unwrap());
        assert!(!hasher.verify(&tried_password(nfd), None).unwrap());
    }

    #[test]
    fn salts_come_from_the_source_that_was_given() {
        let hash_with_seed =
            |seed| Hasher::new(RandomSource::from_seed(seed)).hash(&tried_password("correct horse")).unwrap();
        assert_eq!(hash_with_seed(1), hash_with_seed(1));
        assert_ne!(hash_with_seed(1), hash_with_seed(2));
    }

    #[test]
    fn a_hash_of_absurd_parameters_is_refused_before_it_takes_memory() {
        for absurd in
            ["m=262145,t=1,p=1", "m=64,t=17,p=1", "m=4096,t=1,p=17", "m=4294967295,t=4294967295,p=1"]
        {
            let phc =
                format!("$argon2id$v=19${absurd}$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
            let mut hasher = Hasher::default();
            let refused = hasher.verify(&tried_password("password"), Some(&phc));
            assert!(matches!(refused, Err(HashError::TooCostly { .. })), "{absurd}: {refused:?}");
            assert_eq!(hasher.blocks.capacity(), 0, "{absurd}");
        }
    }

    #[test]
    fn a_hash_longer_than_64_bytes_is_refused_before_it_takes_memory() {
        let phc = format!("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ${}", "A".repeat(87));
        let mut hasher = Hasher::default();
        assert!(hasher.verify(&tried_password("password"), Some(&phc)).is_err());
        assert_eq!(hasher.blocks.capacity(), 0);
    }

    #[test]
    fn the_memory_of_a_bigger_hash_is_given_back() {
        let bigger = "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let mut hasher = Hasher::default();
        hasher.verify(&tried_password("password"), Some(bigger)).unwrap();
        assert!(hasher.blocks.capacity() <= PARAMS.block_count(), "{}", hasher.blocks.capacity());
    }
}
