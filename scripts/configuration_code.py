"""What the sources, the scripts and the template say of environment variables: names, readers, defaults, what is allowed."""

import functools
import re
from pathlib import Path

FUNCTIONS = ["ConnectHandler", "DisconnectHandler", "DefaultHandler", "Publisher", "StreamHandler"]
PROGRAMS = [*FUNCTIONS, "tickertape"]
# Who is meant by a script that reads a variable.
SCRIPTS = {
    "scripts/run.sh": ["make run"], "infra/deploy.sh": ["deploy.sh"], "infra/destroy.sh": ["destroy.sh"],
    "infra/account.sh": ["deploy.sh", "destroy.sh"], "infra/package.sh": ["make package"],
    "scripts/streaming-gate.sh": ["test:streaming"],
}
# What costs nothing on one machine and much on AWS.
DEPLOYED_OTHERWISE = {"STREAM_SLICE_SECONDS"}
# Literals that look like names of variables and are none: DynamoDB's words.
NOT_VARIABLES = {"ALL_NEW"}
SHELLS_OWN = {"BASHPID", "BASH_SOURCE", "IFS", "OPTARG", "PWD", "SECONDS"}
# What the scripts set for themselves or for what they start.
SET_BY_SCRIPTS = {"AWS_PAGER", "LC_ALL", "PKG_CONFIG_PATH", "TZ"}

NAME = r"_?[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*"
LITERAL = rf'"({NAME})"'


class Code:
    """The sources, the template and the scripts, and what they say of a variable."""

    def __init__(self, root: Path):
        self.root = root
        self.manifest = self.read("Package.swift")
        self.sources = {path: self.swift(path.read_text()) for path in sorted((root / "Sources").rglob("*.*"))
                        if path.suffix in (".swift", ".c", ".h")}
        self.scripts = {str(path.relative_to(root)): path.read_text()
                        for folder in ("infra", "scripts") for path in sorted((root / folder).glob("*.sh"))}
        self.named = {path: names for path, text in self.sources.items() if (names := names_in(text))}
        self.makefile = self.read("Makefile")
        self.template = Template(self.read("infra/template.yaml"))
        self.deployed = self.settings_of_deploy()

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    @staticmethod
    def swift(text: str) -> str:
        """Without lines of comment, and with texts that go on over lines joined."""
        text = re.sub(r"^\s*//.*$", "", text, flags=re.M)
        return re.sub(r'"\s*\n\s*\+ "', "", text)

    # Names and readers

    def names(self) -> set[str]:
        """Those that are read, and those that are only set, for functions of other people."""
        handed_on = [self.template.variables(one) for one in FUNCTIONS]
        return set(self.deployed).union(*self.named.values(), *self.names_in_scripts.values(), *handed_on)

    @functools.cached_property
    def read_in(self) -> dict[str, set[str]]:
        """Of each target the names that it reads: not those that it sets for others."""
        found = {name: set() for name in self.targets}
        for path in self.named:
            names = names_in(re.sub(rf"\[{LITERAL}\] = |{LITERAL}:", "", self.sources[path]))
            for target, (folder, _) in self.targets.items():
                if path.is_relative_to(self.root / folder):
                    found[target] |= names
        return found

    @functools.cached_property
    def names_in_scripts(self) -> dict[str, set[str]]:
        found = {}
        for script, text in self.scripts.items():
            text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
            found[script] = set(re.findall(r"(?<!\\)\$\{?([A-Z][A-Z0-9_]+)", text)) - SHELLS_OWN - SET_BY_SCRIPTS
        found["scripts/run.sh"] |= set(self.defaults_of_make)
        return found

    def settings_of_deploy(self) -> dict[str, str]:
        """The variables that deploy.sh hands on, and the template's parameters for them."""
        listed = re.search(r"^settings=\((.*?)\)", self.scripts["infra/deploy.sh"], re.M | re.S).group(1).split()
        return {one.split(":")[1]: one.split(":")[0] for one in listed}

    def least_readers(self, name: str) -> set[str]:
        """Whom the code shows to read it."""
        scripts = {who for script, names in self.names_in_scripts.items() if name in names for who in SCRIPTS.get(script, [script])}
        scripts |= {"deploy.sh"} if name in self.deployed else set()
        return scripts | {one for one in FUNCTIONS if name in self.template.variables(one)} | {
            one for one in PROGRAMS if name in self.read_in[one]}

    def most_readers(self, name: str) -> set[str]:
        """Who may read it: those, and each program that something which reads it is linked into."""
        return self.least_readers(name) | {
            one for one in PROGRAMS if any(name in self.read_in[room] for room in self.linked_into(one))}

    @functools.cached_property
    def targets(self) -> dict[str, tuple[str, list[str]]]:
        """Of each room and program its folder and what it depends on."""
        found = {}
        for call in re.finditer(r"^    (?:room|program)\((.*?)\),?$", self.manifest, re.M | re.S):
            path = re.search(r'path: "([^"]+)"', call.group(1))
            name, *others = re.findall(r'"([^"]+)"', re.sub(r'(?:embedding|linking): \[[^\]]*\]|path: "[^"]+"', "", call.group(1)))
            found[name] = (path.group(1) if path else f"Sources/{name}", others)
        return found

    def linked_into(self, program: str) -> set[str]:
        found, waiting = set(), [program]
        while waiting:
            one = waiting.pop()
            if one not in found and one in self.targets:
                found.add(one)
                waiting += self.targets[one][1]
        return found

    # Defaults

    def default(self, name: str) -> str | None:
        """As the page writes it; none: the code does not say it where this can be read."""
        said = [one for one in (self.default_in_sources(name), self.template.default(self.parameter(name))) if one is not None]
        if len(set(said)) > 1 and name in DEPLOYED_OTHERWISE:
            return f"{said[0]}; deployed: {said[1]}"
        if len(set(said)) > 1:
            raise Contradiction(f"{name}: the sources' default is {said[0]}, the template's {said[1]}")
        own = said[0] if said else None
        # Levels and the like are enumerations: the word is written as those that are allowed are.
        own = next((word for word in re.findall(r"`\w+`", self.allowed(name) or "") if own and word.lower() == own.lower()), own)
        script = self.default_of_scripts(name)
        if own is None or script is None or own == script:
            return own or script
        return f"{own}; `make run`: {script}"

    def naming(self, name: str) -> dict[Path, str]:
        return {path: self.sources[path] for path, names in self.named.items() if name in names}

    def default_in_sources(self, name: str) -> str | None:
        for path, text in self.naming(name).items():
            if call := self.call_with_range(name, text):
                return written(self.number(call[0], path))
            read = rf'environment\["{name}"\]'
            patterns = [
                rf'{read} \?\? ([\d_]+|"[^"]+")', rf'"{name}", fallback: ("[^"]*")', rf"{read} else \{{ return ([\d_]+) \}}",
                rf'let (?P<it>\w+) = {read}\n.*\b(?P=it)\.map\([^)]*\) \?\? \.?(\w+)', rf'switch {read} \{{\s*case nil, ("\w+")',
                rf"{read}(?:\.flatMap\(.*\) \?\?| else \{{ return) \.(\w+)\b",
            ]
            for pattern in patterns:
                if found := re.search(pattern, text):
                    return written(found.groups()[-1])
        return None

    def call_with_range(self, name: str, text: str) -> tuple[str, str, str] | None:
        """Of `read("NAME", …, label: DEFAULT, label: FROM...TO)` the three."""
        found = re.search(rf'"{name}",[^"]*?\w+: (\S+), \w+: ([\w.]+)\.\.\.([^\n]+?)\){{1,2}}$', text, re.M)
        return found.groups() if found else None

    def parameter(self, name: str) -> str | None:
        """The template's, for it: which deploy.sh hands on, or which the functions get."""
        return self.deployed.get(name) or self.template.references.get(name)

    def default_of_scripts(self, name: str) -> str | None:
        found = re.search(rf"\$\{{{name}:-([^}}$]+)\}}", self.scripts["scripts/run.sh"])
        run, make = written(found.group(1)) if found else None, self.defaults_of_make.get(name)
        if run and make and run != make:
            raise Contradiction(f"{name}: the default of scripts/run.sh is {run}, the Makefile's {make}")
        return make or run

    @functools.cached_property
    def defaults_of_make(self) -> dict[str, str]:
        return {name: written(value) for name, value in re.findall(rf"^({NAME}) \?= (\S+)$", self.makefile, re.M)}

    # What is allowed

    def allowed(self, name: str) -> str | None:
        own, deployed = self.allowed_in_sources(name), self.template.allowed(self.parameter(name))
        if own and deployed and words(own) != words(deployed):
            return f"{own}; deployed: {deployed}"
        return own or deployed

    def allowed_in_sources(self, name: str) -> str | None:
        for path, text in self.naming(name).items():
            if call := self.call_with_range(name, text):
                return " to ".join(written(self.number(end, path)) for end in call[1:])
        for text in [*self.naming(name).values(), self.scripts["scripts/run.sh"]]:
            if found := re.search(rf"\b{name}\b[^\"\n]{{0,40}}?number from (\d+) to (\d+)", text):
                return f"{found.group(1)} to {found.group(2)}"
            if found := re.search(rf"\b{name}=\S+(?: \?\? \"\"\))? is (?:none of|neither) ([\w, ]+);", text):
                return listed(re.split(r", | and | nor ", found.group(1)))
            if found := re.search(rf"\b{name} has \S+ bytes and needs (\d+) at least", text):
                return f"{found.group(1)} bytes at least"
            if found := re.search(rf'switch environment\["{name}"\] \{{(.*?)\n\s*\}}', text, re.S):
                return listed(re.findall(r'"(\w+)"\??(?=:)', found.group(1)))
        return None

    def number(self, expression: str, path: Path) -> str:
        """What a whole number of the sources comes to: `1_000`, `Int64(Limit.eventBytes)`, `14 * 86_400`."""
        expression = re.sub(r"^Int(?:64)?\((.*?)\)?$", r"\1", expression.strip())
        if re.fullmatch(r"[\d_]+(?: \* [\d_]+)*", expression):
            product = 1
            for factor in expression.split(" * "):
                product *= int(factor.replace("_", ""))
            return str(product)
        owner, _, member = expression.rpartition(".")
        nearest = [self.sources[path]] if owner in ("", "Self") else [
            text for text in self.sources.values() if re.search(rf"\b(?:enum|struct|extension) {owner}\b", text)]
        for text in nearest:
            if found := re.search(rf"\b(?:var|let) {member}(?:: \w+)? = (.+)$", text, re.M):
                return self.number(found.group(1), path)
        raise Contradiction(f"{expression} in {path}: where its value stands was not found")


def names_in(text: str) -> set[str]:
    """Literals with an underscore; those without one where they are looked up, or stand in a list beside such."""
    found = {name for name in re.findall(LITERAL, text) if "_" in name}
    found |= set(re.findall(rf"(?:\w\[|\bgetenv\(){LITERAL}[\])]", text))
    for inside in re.findall(r"\[([^\[\]]*)\]", text):
        elements = re.findall(rf"(?:^|,)\s*{LITERAL}\s*(?=[,:]|$)", inside)
        if any("_" in name for name in elements):
            found |= set(elements)
    return found - NOT_VARIABLES


class Template:
    """What is needed of infra/template.yaml, read by its indentation: the lint has no YAML at hand."""

    def __init__(self, text: str):
        self.functions = dict(re.findall(r"^  (\w+):\n    Type: AWS::Lambda::Function\n(.*?)(?=^  \S|\Z)", text, re.M | re.S))
        parameters = re.search(r"^Parameters:\n(.*?)^\S", text, re.M | re.S).group(1)
        self.parameters = {name: dict(re.findall(r"^    (\w+): (.+)$", body.replace('""', ""), re.M))
                           for name, body in re.findall(r"^  (\w+):\n(.*?)(?=^  \w|\Z)", parameters, re.M | re.S)}
        self.references = {variable: parameter for body in self.functions.values()
                           for variable, parameter in re.findall(rf"^ {{10}}({NAME}): !Ref (\w+)$", body, re.M)
                           if parameter in self.parameters}

    def variables(self, function: str) -> set[str]:
        return set(re.findall(rf"^ {{10}}({NAME}):", self.functions[function], re.M))

    def default(self, parameter: str | None) -> str | None:
        value = self.parameters.get(parameter, {}).get("Default")
        return written(value) if value else None

    def allowed(self, parameter: str | None) -> str | None:
        said = self.parameters.get(parameter, {})
        if "MaxValue" in said:
            return f"{said['MinValue']} to {said['MaxValue']}"
        return listed(said["AllowedValues"].strip("[]").lstrip(", ").split(", ")) if "AllowedValues" in said else None


class Contradiction(Exception):
    """Two places say different things, or one cannot be read."""


def written(value: str) -> str:
    """A number as it stands, a word in code font."""
    value = value.strip('"')
    return value.replace("_", "") if re.fullmatch(r"[\d_]+", value) else f"`{value}`"


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def listed(words: list[str]) -> str:
    words = [f"`{word}`" for word in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
