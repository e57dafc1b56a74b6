-- What `nemoctl restart` does: pods made before this moment are replaced, by the rollout strategy.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["nemotron.dev/restarted-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
