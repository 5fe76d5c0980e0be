"""What is sealed for one purpose, and what for any."""

from adapters.crypto.sealing import PurposeSealer, Sealer

OLD, NEW = "o" * 40, "n" * 40


class TestSealingForOnePurpose:
    def test_neither_another_purpose_nor_the_general_key_opens_it(self) -> None:
        sealer = Sealer(secrets=(NEW,))
        states, others = PurposeSealer(sealer, purpose="states"), PurposeSealer(sealer, purpose="others")
        sealed = states.seal(b"x")
        assert states.opened(sealed) == b"x"
        assert others.opened(sealed) is None is sealer.opened(sealed)
        assert states.opened(sealer.seal(b"x")) is None is states.opened(others.seal(b"x"))

    def test_what_the_secret_before_sealed_is_opened_still(self) -> None:
        before = PurposeSealer(Sealer(secrets=(OLD,)), purpose="states")
        after = PurposeSealer(Sealer(secrets=(NEW, OLD)), purpose="states")
        assert after.opened(before.seal(b"x")) == b"x"
        assert before.opened(after.seal(b"x")) is None
