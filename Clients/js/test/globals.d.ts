// What the types of TypeScript 4.8 do not know yet of browsers.
declare var DecompressionStream: new (format: string) => ReadableWritablePair<Uint8Array, Uint8Array>;
