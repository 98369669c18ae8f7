import AWS
import Testing

@Suite struct ClockSkewTests {
  /// 2026-11-20T12:00:00Z.
  let now: Int64 = 1_795_176_000
  let expired = #"{"message":"Signature expired: 20261120T110000Z is now earlier than 20261120T115500Z"}"#

  @Test func `the service's time is taken from a refusal`() {
    var skew = ClockSkew()
    let learned = skew.learn(
      status: 403, date: "Fri, 20 Nov 2026 13:00:05 GMT", said: expired, signedAt: now, now: now)
    #expect(learned)
    #expect(skew.seconds == 3605)
  }

  @Test func `several calls refused for one reason are learned from once`() {
    var skew = ClockSkew()
    for _ in 0..<3 {
      let learned = skew.learn(
        status: 400, date: "Fri, 20 Nov 2026 11:00:00 GMT", said: "RequestTimeTooSkewed", signedAt: now, now: now)
      #expect(learned)
    }
    #expect(skew.seconds == -3600)
  }

  @Test(arguments: [
    (200, "Fri, 20 Nov 2026 13:00:00 GMT", "Signature expired"),
    (403, "Fri, 20 Nov 2026 13:00:00 GMT", "SignatureDoesNotMatch: check your secret"),
    (403, "Fri, 20 Nov 2026 12:00:30 GMT", "Signature expired"),
    (403, "20 Nov 2026 13:00", "Signature expired"),
    (403, "Fri, 99 Nov 2026 13:00:00 GMT", "Signature expired"),
  ]) func `nothing is learned where the clock is not the reason`(_ status: Int, _ date: String, _ said: String) {
    var skew = ClockSkew()
    let learned = skew.learn(status: status, date: date, said: said, signedAt: now, now: now)
    let learnedWithoutDate = skew.learn(status: 403, date: nil, said: expired, signedAt: now, now: now)
    #expect(!learned && !learnedWithoutDate)
    #expect(skew == ClockSkew())
  }
}
