-- The resource follows kstatus: status.observedGeneration, and the conditions Ready, Reconciling and Stalled.
local health = { status = "Progressing", message = "The operator has not seen the newest spec yet." }
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  conditions[condition.type] = condition
end

local ready, stalled = conditions["Ready"], conditions["Stalled"]
if stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
  health.message = stalled.message
elseif ready ~= nil and ready.status ~= "True" and (ready.reason == "Suspended" or ready.reason == "ScaledToZero") then
  health.status = "Suspended"
  health.message = ready.message
elseif ready ~= nil and ready.status == "True" then
  health.status = "Healthy"
  health.message = ready.message
elseif ready ~= nil then
  health.message = ready.message
end
return health
