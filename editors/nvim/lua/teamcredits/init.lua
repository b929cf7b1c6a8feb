-- The team's credits in Neovim: starts the sidecar, keeps its last payload, renders it in the statusline.
-- Works from 0.7 on: up to 0.10 through vim.lsp.start_client, from 0.11 on through vim.lsp.start.

local M = {}

local NAME = "teamcredits"
local STATUS = "credits/didChangeStatus"
local LEVELS = { vim.log.levels.ERROR, vim.log.levels.WARN, vim.log.levels.INFO, vim.log.levels.INFO }

local config = { cmd = { "teamcredits-lsp", "--stdio" }, url = nil, env = {}, low_threshold = nil }
local client_id = nil
local payload = nil
local waiting = {}

local function notify(message, level)
  vim.notify(message, level or vim.log.levels.INFO, { title = "Credits" })
end

-- A notification alone repaints nothing.
local function repaint()
  vim.schedule(function()
    vim.cmd("redrawstatus!")
    vim.api.nvim_exec_autocmds("User", { pattern = "CreditsChanged", modeline = false })
  end)
end

local function on_status(_, result)
  payload = result
  repaint()
end

local function on_message(_, result)
  notify(result.message, LEVELS[result.type])
end

local function on_init()
  local ready = waiting
  waiting = {}
  for _, run in ipairs(ready) do
    vim.schedule(run)
  end
end

-- An old number must not outlive the sidecar that vouched for it.
local function on_exit(code)
  client_id, payload, waiting = nil, nil, {}
  repaint()
  if code ~= 0 and not vim.v.exiting then
    vim.schedule(function()
      notify("The credits sidecar has stopped. :CreditsStatus starts it again.", vim.log.levels.WARN)
    end)
  end
end

local function client_config()
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.experimental = { creditsStatus = { version = 1 } }
  local env = vim.tbl_extend("force", {}, config.env)
  if config.url then
    env.TEAMCREDITS_URL = config.url
  end
  return {
    name = NAME,
    cmd = config.cmd,
    cmd_env = env,
    capabilities = capabilities,
    init_options = { lowThreshold = config.low_threshold },
    handlers = { [STATUS] = on_status, ["window/showMessage"] = on_message },
    on_init = on_init,
    on_exit = on_exit,
  }
end

local function modern()
  return vim.fn.has("nvim-0.11") == 1
end

local function start()
  if client_id then
    return true
  end
  if vim.fn.executable(config.cmd[1]) == 0 then
    notify("Cannot run " .. config.cmd[1] .. ". Install it with: pip install 'teamcredits[lsp]'", vim.log.levels.ERROR)
    return false
  end
  if modern() then
    client_id = vim.lsp.start(client_config(), { attach = false })
  else
    client_id = vim.lsp.start_client(client_config())
  end
  return client_id ~= nil
end

local function send(command, argument, on_result)
  local client = vim.lsp.get_client_by_id(client_id)
  if not client then
    return
  end
  local params = { command = command, arguments = argument and { argument } or {} }
  local handler = function(err, result)
    if err then
      notify(err.message or "The credits sidecar did not answer.", vim.log.levels.ERROR)
    elseif type(result) == "table" and result.code then
      notify(result.message, vim.log.levels.WARN)
    elseif on_result then
      on_result(result)
    end
  end
  if modern() then
    client:request("workspace/executeCommand", params, handler)
  else
    client.request("workspace/executeCommand", params, handler)
  end
end

--- Run one of the sidecar's commands; starts the sidecar if need be. A refusal is shown, `on_result` gets the rest.
function M.execute(command, argument, on_result)
  if not start() then
    return
  end
  local run = function()
    send(command, argument, on_result)
  end
  if vim.lsp.get_client_by_id(client_id) then
    run()
  else
    table.insert(waiting, run)
  end
end

function M.show()
  M.execute("credits.show")
end

function M.why()
  M.execute("credits.why", nil, function(answer)
    notify(answer.message or vim.inspect(answer))
  end)
end

function M.gift(to, amount, message)
  if not (to and amount) then
    return notify("Write :CreditsGift @bo 500 thanks for the review", vim.log.levels.WARN)
  end
  M.execute("credits.gift", { to = to, amount = amount, message = message }, function(answer)
    notify(answer.message)
  end)
end

function M.request(amount, reason)
  M.execute("credits.request", { amount = amount, message = reason }, function(answer)
    notify(answer.message)
  end)
end

--- The last payload of credits/didChangeStatus, or nil.
function M.status()
  return payload
end

--- The text for 'statusline', with its own % signs kept from being items; empty while nothing is known.
function M.statusline()
  return payload and (payload.text:gsub("%%", "%%%%")) or ""
end

--- options: cmd, url, env, low_threshold (percent as a number, credits as a string)
function M.setup(options)
  config = vim.tbl_extend("force", config, options or {})
  start()
end

return M
