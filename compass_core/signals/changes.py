"""What was changed: alone it is no evidence; beside something that moved where it was made it may be the reason."""

from compass_core.signals.signal import APPLICATION, DIRECT, WEAK, Scale, Signal

_ONE = Scale("level", 0.5, 1.0, 1.0)

WORSE = Signal("new_version_worse", APPLICATION, "the new version answers worse than the old one", "", _ONE, DIRECT, ("bad_deploy",))
CHANGES = (
    Signal("deploy", APPLICATION, "deployed", "", _ONE, WEAK, ("bad_deploy",)),
    Signal("config_change", APPLICATION, "configuration changed", "", _ONE, WEAK, ("config_change",)),
    Signal("scale_change", APPLICATION, "scaled", "", _ONE, WEAK, ("config_change",)),
    Signal("new_version_as_well", APPLICATION, "the new version answers as well as the old one", "", _ONE, WEAK, ("bad_deploy",)),
    Signal("annotation_change", APPLICATION, "somebody noted", "", _ONE, WEAK, ("config_change",)),
)
