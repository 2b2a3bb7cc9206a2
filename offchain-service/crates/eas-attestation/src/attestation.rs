use alloy_primitives::{Address, B256, U256};
use smartlayer_token_script::{Attested, Value};

use crate::{
    package::Package,
    typed_data::{recover, Content, Form},
    Data, Refusal, Schema,
};

/// An off-chain attestation: what it says, and who signed exactly that. Its uid and its signer are computed from its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    pub(crate) content: Content,
    signature: [u8; 65],
    uid: B256,
    signer: Address,
}

impl Attestation {
    /// Reads what a magic link has in its parameter `ticket`, after its percent-encoding is undone: base64 of the standard or the
    /// URL alphabet, padded or not, of zlib or raw deflate, of the package's JSON in the EAS SDK's compact form (an array) or its
    /// full form (`{"sig": …, "signer": …}`). At most 8 KiB of text and 64 KiB of JSON are looked at.
    ///
    /// What the package says its uid and its signer are is not used: the uid is computed, and the signer recovered. If the package
    /// states others it is refused, for whoever issued it would look for revocations under another uid than is looked up here.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] from [`Refusal::TooLong`] to [`Refusal::OtherSigner`], in the order in which they are declared.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let Package { content, r, s, v, uid: stated_uid, signer: stated_signer } = Package::read(text)?;
        let recovered = recover(&content.digest(), r, s, v).ok_or(Refusal::BadSignature)?;
        let computed = content.uid();
        if let Some(stated) = stated_uid.filter(|stated| *stated != computed) {
            return Err(Refusal::OtherUid { stated, computed });
        }
        if let Some(stated) = stated_signer.filter(|stated| *stated != recovered) {
            return Err(Refusal::OtherSigner { stated, recovered });
        }
        let mut signature = [0; 65];
        let odd = v == 1 || v == 28;
        let parts = r.iter().chain(s.iter()).copied().chain([if odd { 28 } else { 27 }]);
        signature.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        Ok(Self { content, signature, uid: computed, signer: recovered })
    }

    /// The version of off-chain attestations that it is of: 0, 1 or 2.
    pub fn version(&self) -> u16 {
        self.content.form.version()
    }

    /// The chain of the contract that it was signed for, as an EIP-155 id: where its schema and its revocation are looked up.
    pub fn chain_id(&self) -> u64 {
        self.content.chain_id
    }

    /// The EAS contract that it was signed for. The signature covers it: nobody but the issuer can have revocations looked up
    /// elsewhere.
    pub fn verifying_contract(&self) -> Address {
        self.content.verifying_contract
    }

    /// Whose key signed it. Whether that is an issuer says [`Attestation::matches`].
    pub fn signer(&self) -> Address {
        self.signer
    }

    /// Whom it is about; none if it names the zero address, as tickets do that are bound to an e-mail address.
    pub fn recipient(&self) -> Option<Address> {
        Some(self.content.recipient).filter(|recipient| !recipient.is_zero())
    }

    /// Its uid, computed from its content: what the issuer revokes it by.
    pub fn uid(&self) -> B256 {
        self.uid
    }

    /// The uid of its schema.
    pub fn schema_uid(&self) -> B256 {
        self.content.schema
    }

    /// From when on it is valid, in seconds since 1970.
    pub fn time(&self) -> u64 {
        self.content.time
    }

    /// Until when it is valid, in seconds since 1970; none if it never ends.
    pub fn expiration(&self) -> Option<u64> {
        Some(self.content.expiration_time).filter(|time| *time > 0)
    }

    /// Whether the issuer said that it may be revoked. EAS lets the issuer revoke it either way.
    pub fn revocable(&self) -> bool {
        self.content.revocable
    }

    /// The signature: r, s, and v as 27 or 28.
    pub fn signature(&self) -> [u8; 65] {
        self.signature
    }

    /// Whether it is valid at `now`, in seconds since 1970: from its time on, to its expiration inclusive.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotYetValid`], [`Refusal::Expired`].
    pub fn valid_at(&self, now: u64) -> Result<(), Refusal> {
        if now < self.content.time {
            return Err(Refusal::NotYetValid { time: self.content.time, now });
        }
        match self.expiration() {
            Some(expiration_time) if now > expiration_time => Err(Refusal::Expired { expiration_time, now }),
            _ => Ok(()),
        }
    }

    /// Its data, by the fields of its schema.
    ///
    /// # Errors
    ///
    /// [`Refusal::ForgedSchema`] if the schema is not the attestation's, [`Refusal::BadSchema`], [`Refusal::BadData`].
    pub fn data(&self, schema: &Schema) -> Result<Data, Refusal> {
        let found = schema.uid();
        let is_ticket = self.content.schema.is_zero() && *schema == Schema::of_tickets();
        if found != self.content.schema && !is_ticket {
            return Err(Refusal::ForgedSchema { expected: self.content.schema, found });
        }
        schema.decode(&self.content.data)
    }

    /// What scripts see of it: a record of what was signed (`schema`, `recipient`, `time`, `expirationTime`, `revocable`, `refUID`;
    /// before it `version` and behind it `salt` where they were signed too), with `data` as the bytes that were signed, and as the record
    /// of the schema's fields.
    pub fn attested(&self, data: &Data) -> Attested {
        Attested {
            message: self.record(Value::Bytes(self.content.data.to_vec())),
            parts: self.record(data.record().clone()),
            signature: self.signature().to_vec(),
        }
    }

    fn record(&self, data: Value) -> Value {
        let content = &self.content;
        let number = |number: u64| Value::Uint(U256::from(number));
        let bytes = |bytes: &B256| Value::Bytes(bytes.to_vec());
        let version = (content.form.version() > 0).then(|| ("version", number(content.form.version().into())));
        let salt = match &content.form {
            Form::Version2 { salt } => Some(("salt", bytes(salt))),
            _ => None,
        };
        let signed = [
            ("schema", bytes(&content.schema)),
            ("recipient", Value::Address(content.recipient)),
            ("time", number(content.time)),
            ("expirationTime", number(content.expiration_time)),
            ("revocable", Value::Bool(content.revocable)),
            ("refUID", bytes(&content.ref_uid)),
            ("data", data),
        ];
        let fields = version.into_iter().chain(signed).chain(salt);
        Value::Record(fields.map(|(name, value)| (name.into(), value)).collect())
    }
}
