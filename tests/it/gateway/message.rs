//! Messages of protobuf made by hand, so that they can be wrong.

/// A field with text or bytes.
pub(crate) fn text(number: u32, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [&tag(number, 2)[..], &varint(value.len() as u64), value].concat()
}

/// A field with a number.
pub(crate) fn number(number: u32, value: u64) -> Vec<u8> {
    [tag(number, 0), varint(value)].concat()
}

pub(crate) fn tag(number: u32, wire_type: u64) -> Vec<u8> {
    varint(u64::from(number) << 3 | wire_type)
}

pub(crate) fn varint(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(value, &mut bytes);
    bytes
}

/// Fields of `InsertRequest`.
pub(crate) const DATABASE: u32 = 2;
pub(crate) const COLLECTION: u32 = 3;
pub(crate) const DATA: u32 = 5;

/// The front of a gRPC message of that many bytes.
pub(crate) fn prefix(length: usize) -> Vec<u8> {
    [&[0][..], &u32::try_from(length).unwrap().to_be_bytes()].concat()
}
