"""What CloudFormation makes of a template's parameters: conditions, rules, and the values of its functions.

As the pages say it: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html and, of rules,
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html. What is not used here is refused, so that
a template that begins to use it is not read wrongly.
"""

import re

NO_VALUE = object()
PSEUDO = {
    "AWS::AccountId": "123456789012", "AWS::NoValue": NO_VALUE, "AWS::Partition": "aws", "AWS::Region": "eu-west-1",
    "AWS::StackName": "tickertape-dev", "AWS::URLSuffix": "amazonaws.com"}
RULE_FUNCTIONS = {"Fn::And", "Fn::Contains", "Fn::Equals", "Fn::Not", "Fn::Or", "Ref"}


class Deployment:
    """A template with a value for each of its parameters, as a stack would have it."""

    def __init__(self, template: dict, values: dict[str, object]):
        self.template = template
        # Whatever its type, a parameter is text wherever it is used.
        self.values = {name: str(values.get(name, parameter.get("Default"))) for name, parameter in template["Parameters"].items()}

    def refusals(self) -> list[str]:
        """Why CloudFormation would refuse the values before it changed anything."""
        parameters = self.template["Parameters"]
        return self.broken_rules() + [
            f"{name} cannot be {value!r}" for name, value in self.values.items() if not allows(parameters[name], value)]

    def broken_rules(self) -> list[str]:
        return [assertion["AssertDescription"] for rule in self.template.get("Rules", {}).values()
                if self.resolve(rule.get("RuleCondition", True), RULE_FUNCTIONS)
                for assertion in rule["Assertions"] if not self.resolve(assertion["Assert"], RULE_FUNCTIONS)]

    def functions(self) -> dict[str, dict]:
        """The properties of each function, as Lambda gets them."""
        return {name: self.resolve(resource["Properties"]) for name, resource in self.template["Resources"].items()
                if not name.startswith("Fn::") and resource["Type"] == "AWS::Lambda::Function"}

    def resolve(self, node, allowed: set[str] | None = None):
        if isinstance(node, list):
            return [value for value in (self.resolve(one, allowed) for one in node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1 and (name := next(iter(node))).startswith(("Fn::", "Ref", "Condition")):
            assert allowed is None or name in allowed, f"a rule may not use {name}"
            return self.call(name, node[name], allowed)
        members = {name: self.resolve(value, allowed) for name, value in node.items()}
        return {name: value for name, value in members.items() if value is not NO_VALUE}

    def call(self, name: str, argument, allowed):
        def resolve(one):
            return self.resolve(one, allowed)
        match name:
            case "Ref":
                return self.reference(argument)
            case "Condition":
                return self.resolve(self.template["Conditions"][argument])
            case "Fn::If":
                condition, yes, no = argument
                return resolve(yes if self.resolve(self.template["Conditions"][condition]) else no)
            case "Fn::Equals":
                left, right = map(resolve, argument)
                return str(left) == str(right)
            case "Fn::Contains":
                return resolve(argument[1]) in resolve(argument[0])
            case "Fn::Not":
                return not resolve(argument[0])
            case "Fn::And":
                return all(map(resolve, argument))
            case "Fn::Or":
                return any(map(resolve, argument))
            case "Fn::GetAtt" if argument[1] == "DomainName":
                return "d111111abcdef8.cloudfront.net"
            case "Fn::GetAtt" if argument[1] == "FunctionUrl":
                return "https://abcdefghijklmnopqrst.lambda-url.eu-west-1.on.aws/"
            case "Fn::Select":
                return resolve(argument[1])[int(argument[0])]
            case "Fn::Split":
                return resolve(argument[1]).split(argument[0])
            case "Fn::GetAtt":
                return f"arn:aws:some:eu-west-1:123456789012:{argument[0]}/{argument[1]}"
            case "Fn::Sub":
                text, names = argument if isinstance(argument, list) else (argument, {})
                return re.sub(r"\$\{(!?)([^}]+)\}", lambda found: self.substitute(found, names), text)
        raise AssertionError(f"this reader does not know {name}")

    def substitute(self, found: re.Match, names: dict) -> str:
        literal, name = found.groups()
        if literal:
            return "${" + name + "}"
        if name in names:
            return self.resolve(names[name])
        return self.resolve({"Fn::GetAtt": name.split(".", 1)}) if "." in name else self.reference(name)

    def reference(self, name: str):
        if name in self.values:
            return self.values[name]
        if name in PSEUDO:
            return PSEUDO[name]
        assert name in self.template["Resources"], f"there is no {name}"
        return f"tickertape-dev-{name}-1A2B3C4D5E6F"


def allows(parameter: dict, value: str) -> bool:
    """Whether a parameter may have that value."""
    if parameter["Type"] == "Number":
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            return False
        if not parameter.get("MinValue", float(value)) <= float(value) <= parameter.get("MaxValue", float(value)):
            return False
    if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
        return False
    return "AllowedValues" not in parameter or value in map(str, parameter["AllowedValues"])
