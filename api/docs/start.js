// Shows the calls of /openapi.json and lets people try them. Nothing is loaded
// from elsewhere: the validator's badge would be.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#calls",
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
  syntaxHighlight: { activated: true },
});
