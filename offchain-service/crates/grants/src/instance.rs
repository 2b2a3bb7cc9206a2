//! An instance's id in JSON and in typed data.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smartlayer_api_types::Instance;
use smartlayer_primitives::InstanceId;

use crate::typed_data::structs;

pub(crate) fn serialize<S: Serializer>(id: &InstanceId, serializer: S) -> Result<S::Ok, S::Error> {
    Instance::from(*id).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<InstanceId, D::Error> {
    Instance::deserialize(deserializer).map(InstanceId::from)
}

pub(crate) fn typed(id: InstanceId) -> structs::Instance {
    structs::Instance { tokenType: id.token_type, index: id.index }
}
