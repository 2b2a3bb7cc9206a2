// Values of any type in a chain's metadata, as SCALE bytes, written from the type's description alone.
import { u8aConcat } from '@polkadot/util';

const SIZES = {
  ...{ Bool: 1, Char: 4, Str: 1 },
  ...{ U8: 1, U16: 2, U32: 4, U64: 8, U128: 16, U256: 32 },
  ...{ I8: 1, I16: 2, I32: 4, I64: 8, I128: 16, I256: 32 },
};

/**
 * The plainest value of a type: zeros, empty lists, and the first variant of an enum that does not contain the type again. Nothing if
 * the type has no such value. `within` holds the enums that are being written.
 */
export function plainest(lookup, type, within = []) {
  const { def } = lookup.getSiType(type);
  if (def.isPrimitive) return new Uint8Array(SIZES[def.asPrimitive.type]);
  if (def.isCompact || def.isSequence || def.isBitSequence) return Uint8Array.of(0);
  if (def.isComposite) return all(lookup, fields(def.asComposite), within);
  if (def.isTuple) return all(lookup, def.asTuple, within);
  if (def.isArray) {
    const one = plainest(lookup, def.asArray.type, within);
    return one && u8aConcat(...Array(def.asArray.len.toNumber()).fill(one));
  }
  if (def.isVariant) {
    const id = type.toNumber();
    if (within.includes(id)) return undefined;
    for (const variant of def.asVariant.variants) {
      const value = ofVariant(lookup, variant, [...within, id]);
      if (value) return value;
    }
    return undefined;
  }
  throw new Error(`type ${type} is of an unknown kind: ${def.type}`);
}

/** One value for each variant of an enum, and the plainest of any other type. */
export function samples(lookup, type) {
  const { def } = lookup.getSiType(type);
  const values = def.isVariant
    ? def.asVariant.variants.map((variant) => ofVariant(lookup, variant))
    : [plainest(lookup, type)];
  return values.filter((value) => value !== undefined);
}

/** A variant's index and the plainest value of each of its fields. */
export function ofVariant(lookup, variant, within = []) {
  const values = all(lookup, fields(variant), within);
  return values && u8aConcat([variant.index.toNumber()], values);
}

const fields = (composite) => composite.fields.map(({ type }) => type);

function all(lookup, types, within) {
  const values = types.map((type) => plainest(lookup, type, within));
  return values.includes(undefined) ? undefined : u8aConcat(...values);
}
