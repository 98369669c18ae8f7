/// Any bytes, given to everything that reads what a client may bring as a credential, or a server as keys.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTokens(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  if let violation = TokenAgreement.violation(of: input) { fatalError(violation) }
  return 0
}
