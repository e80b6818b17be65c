package command

import (
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// The tokens of the official package.
const (
	localCommandToken  = "command:local:Command"
	localRunToken      = "command:local:run"
	remoteCommandToken = "command:remote:Command"
	copyToRemoteToken  = "command:remote:CopyToRemote"
)

// The values of the logging input.
const (
	logStdout = "stdout"
	logStderr = "stderr"
	logBoth   = "stdoutAndStderr"
	logNone   = "none"
)

// triggersKey is the one input whose coming and going replaces a resource.
const triggersKey resource.PropertyKey = "triggers"

// runFields are the inputs that everything which runs a command has.
func runFields() map[resource.PropertyKey]field {
	return map[resource.PropertyKey]field{
		"stdin":                  {form: formText},
		"environment":            {form: formTextMap},
		"logging":                {form: formText, oneOf: []string{logStdout, logStderr, logBoth, logNone}},
		"addPreviousOutputInEnv": {form: formFlag},
	}
}

// commandFields are the inputs of the two Command resources.
func commandFields() map[resource.PropertyKey]field {
	return join(runFields(), map[resource.PropertyKey]field{
		"create":    {form: formText},
		"update":    {form: formText},
		"delete":    {form: formText},
		triggersKey: {form: formAnyList},
	})
}

// localFields are the inputs of what runs on this machine.
func localFields() map[resource.PropertyKey]field {
	return map[resource.PropertyKey]field{
		"interpreter":  {form: formTextList},
		"dir":          {form: formText},
		"assetPaths":   {form: formTextList},
		"archivePaths": {form: formTextList},
	}
}

// hostFields are the inputs of a connection, and of its proxy.
func hostFields() map[resource.PropertyKey]field {
	return map[resource.PropertyKey]field{
		"host":               {form: formText, required: true},
		"user":               {form: formText, fallback: resource.NewProperty("root")},
		"port":               {form: formNumber, fallback: resource.NewProperty(22.0)},
		"password":           {form: formText},
		"privateKey":         {form: formText},
		"privateKeyPassword": {form: formText},
		"agentSocketPath":    {form: formText},
		"dialErrorLimit":     {form: formInteger, fallback: resource.NewProperty(10.0)},
		"perDialTimeout":     {form: formInteger, fallback: resource.NewProperty(15.0)},
		"hostKey":            {form: formText},
	}
}

// connectionField is the connection of a remote resource. It is secret as a
// whole, because most of its fields would help an intruder.
func connectionField() field {
	proxy := shape{name: "remote.ProxyConnection", fields: hostFields()}
	connection := shape{name: "remote.Connection", fields: join(hostFields(),
		map[resource.PropertyKey]field{"proxy": {form: formObject, shape: &proxy}})}
	return field{form: formObject, required: true, secret: true, shape: &connection}
}

func remoteCommandShape() shape {
	return shape{name: "remote.CommandInputs", fields: join(commandFields(),
		map[resource.PropertyKey]field{"connection": connectionField()})}
}

func localCommandShape() shape {
	return shape{name: "local.CommandInputs", fields: join(commandFields(), localFields())}
}

func localRunShape() shape {
	return shape{name: "local.RunInputs", fields: join(runFields(), localFields(),
		map[resource.PropertyKey]field{"command": {form: formText, required: true}})}
}

func copyToRemoteShape() shape {
	return shape{name: "remote.CopyToRemoteInputs", fields: map[resource.PropertyKey]field{
		"connection": connectionField(),
		"source":     {form: formSource, required: true, check: sourceFault},
		"remotePath": {form: formText, required: true},
		triggersKey:  {form: formAnyList},
	}}
}

// sourceFault says what is wrong with an asset or archive as a source.
func sourceFault(v resource.PropertyValue) string {
	switch {
	case v.IsAsset() && v.AssetValue().IsURI():
		return "must be a file or a text; an asset from a URI cannot be copied"
	case v.IsArchive() && !v.ArchiveValue().IsPath():
		return "must be a path to a file or a folder; an archive of assets cannot be copied"
	default:
		return ""
	}
}

// join puts maps of fields together.
func join(parts ...map[resource.PropertyKey]field) map[resource.PropertyKey]field {
	all := map[resource.PropertyKey]field{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}
