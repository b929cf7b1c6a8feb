-- The commands exist as soon as the plugin is installed; the sidecar starts with setup() or at the first of them.
if vim.g.loaded_teamcredits then
  return
end
vim.g.loaded_teamcredits = true

local function command(name, run, options)
  vim.api.nvim_create_user_command(name, function(call)
    run(require("teamcredits"), call)
  end, options)
end

command("CreditsStatus", function(credits)
  credits.show()
end, { desc = "Show what you can spend" })

command("CreditsRefresh", function(credits)
  credits.execute("credits.refresh")
end, { desc = "Ask the server now" })

command("CreditsWhy", function(credits)
  credits.why()
end, { desc = "Show which limit blocks" })

command("CreditsGift", function(credits, call)
  credits.gift(call.fargs[1], call.fargs[2], table.concat(vim.list_slice(call.fargs, 3), " "))
end, { nargs = "+", desc = "Give credits: @name amount [message]" })

command("CreditsRequest", function(credits, call)
  credits.request(call.fargs[1], table.concat(vim.list_slice(call.fargs, 2), " "))
end, { nargs = "+", desc = "Ask the team for credits: amount [reason]" })

command("CreditsSignIn", function(credits)
  credits.execute("credits.signIn")
end, { desc = "Sign in with a code" })

command("CreditsSignOut", function(credits)
  credits.execute("credits.signOut")
end, { desc = "Forget the token on this machine" })
