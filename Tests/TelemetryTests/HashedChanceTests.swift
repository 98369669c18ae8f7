import Telemetry
import Testing

@Suite("Hashed chance")
struct HashedChanceTests {
  @Test("the same seed, words and number give the same, also in another process")
  func pure() {
    let chance = HashedChance(seed: 7)
    #expect(chance.bits("gone", who: "c1", number: 1) == HashedChance(seed: 7).bits("gone", who: "c1", number: 1))
    // Written down, so that a run of an older build can be repeated by a newer one.
    #expect(chance.bits("gone", who: "c1", number: 1) == 0xd3913732dc27382f)
  }

  @Test("whatever differs makes it another number")
  func differs() {
    let chance = HashedChance(seed: 7)
    let all = [
      chance.bits("gone", who: "c1", number: 1), chance.bits("gone", who: "c1", number: 2),
      chance.bits("gone", who: "c11", number: 1),
      chance.bits("gonec", who: "1", number: 1), chance.bits("lost", who: "c1", number: 1),
      HashedChance(seed: 8).bits("gone", who: "c1", number: 1),
      chance.bits("gone", who: "", number: 1), chance.bits("", who: "gone", number: 1),
      HashedChance(seed: -7).bits("gone", who: "c1", number: 1),
    ]
    #expect(Set(all).count == all.count)
  }

  @Test("shares are spread evenly", arguments: [0.01, 0.3, 0.9])
  func even(_ rate: Double) {
    let chance = HashedChance(seed: 1)
    var hits = 0
    for who in 0..<100 {
      for number in 1...200 where chance.share("lost", who: "c\(who)", number: number) < rate { hits += 1 }
    }
    // Five standard deviations of a fair draw of 20,000.
    let deviation = (20_000 * rate * (1 - rate)).squareRoot()
    #expect(abs(Double(hits) - 20_000 * rate) < 5 * deviation)
  }

  @Test("whole numbers lie within their bound, both ends of it too")
  func integers() {
    let chance = HashedChance(seed: 3)
    let found = Set((1...200).map { chance.integer(through: 4, kind: "killed", who: "f", number: $0) })
    #expect(found == [0, 1, 2, 3, 4])
    #expect(chance.integer(through: 0, kind: "killed", who: "f", number: 1) == 0)
  }
}
