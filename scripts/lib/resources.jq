# How many resources carry $name as part of their own name, or have an ancestor
# of type $kind called $name; and how many of those are no components.
.deployment.resources
| (map({key: .urn, value: .}) | from_entries) as $all
| def named: .urn | split("::")[-1] | test("(^|[^a-z0-9])" + $name + "([^a-z0-9]|$)");
  def ancestors: recurse($all[.parent // ""] // empty);
  map(select(named or any(ancestors; .type == $kind and (.urn | endswith("::" + $name)))))
| "\(length) \(map(select(.custom)) | length)"
