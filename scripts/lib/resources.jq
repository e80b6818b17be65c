# How many resources carry $name as part of their own name, or have an ancestor
# of type $kind called $name.
.deployment.resources
| (map({key: .urn, value: .}) | from_entries) as $all
| def named: .urn | split("::")[-1] | test("(^|-)" + $name + "(-|$)");
  def ancestors: recurse($all[.parent // ""] // empty);
  map(select(named or any(ancestors; .type == $kind and (.urn | endswith("::" + $name)))))
| length
