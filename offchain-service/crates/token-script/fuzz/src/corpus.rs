//! The small scripts that are changed: together they say everything that a script can say.

/// A script of 2024 with every kind of origin, argument, card and view.
pub(crate) const MODERN: &str = r#"<?xml version="1.0"?>
<!DOCTYPE t [<!ENTITY home "0x63cCEF733a093E5Bd773b41C96D3eCE361464942"><!ENTITY again "&home;"><!ENTITY far SYSTEM "far.txt">]>
<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" xmlns:asnx="urn:ietf:params:xml:ns:asnx" name="T">
<asnx:module name="M"><namedType name="Sold"><type><sequence><element name="to" ethereum:type="address" ethereum:indexed="true"/><element name="note" ethereum:type="string"/><element name="at" ethereum:type="uint" ethereum:indexed="true"/></sequence></type></namedType></asnx:module>
<ts:label><ts:plurals xml:lang="en"><ts:string quantity="one">Thing</ts:string><ts:string quantity="other">Things</ts:string></ts:plurals></ts:label>
<ts:contract name="C" interface="erc721"><ts:address network="1">&again;</ts:address><ts:abi>[{"type":"function","name":"f","stateMutability":"view","inputs":[],"outputs":[{"name":"a","type":"tuple[]","components":[{"name":"x","type":"string"},{"name":"y","type":"uint8[2][]"}]}]},{"type":"function","name":"g","stateMutability":"view","inputs":[{"name":"a","type":"tuple[]","components":[{"name":"x","type":"string"},{"name":"y","type":"uint8[2][]"}]}],"outputs":[{"name":"","type":"uint256"}]}]</ts:abi></ts:contract>
<ts:attestation name="A" type="eas"><ts:key>04</ts:key><ts:eas schemaUID="0x7f"/></ts:attestation>
<ts:origins><ts:ethereum contract="C"/></ts:origins>
<ts:selection name="s" filter="(&amp;(b=*)(!(c&lt;2023)(d=x*))(e=${k}))"><ts:denial><ts:string xml:lang="en">No.</ts:string></ts:denial></ts:selection>
<ts:attribute name="a"><ts:origins><ethereum:call contract="C" function="f" as="abi"/></ts:origins></ts:attribute>
<ts:attribute name="b"><ts:origins><ts:data ref="a[0].y[0][1]"/></ts:origins></ts:attribute>
<ts:attribute name="c"><ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.24</ts:syntax></ts:type><ts:origins><ethereum:event contract="C" type="Sold" filter="to=${ownerAddress}&amp;note=x${b}" select="at"/><ts:token-id bitmask="FFFF" as="uint"/></ts:origins></ts:attribute>
<ts:attribute name="d"><ts:origins><ethereum:storage contract="C" variable="v" index="3" as="utf8"/></ts:origins></ts:attribute>
<ts:attribute name="e"><ts:origins><ethereum:call contract="C" function="g"><ts:data><ts:struct ref="a"/></ts:data><ts:mapping><ts:option key="1"><ts:value xml:lang="en">One</ts:value></ts:option></ts:mapping></ethereum:call></ts:origins></ts:attribute>
<ts:attribute name="k"><ts:origins><ts:data><ts:uint8 name="n">1</ts:uint8><ts:string ref="d"/></ts:data><ts:attestation ref="x"/></ts:origins></ts:attribute>
<ts:cards><ts:viewContent name="v"><p>x</p></ts:viewContent><ts:card type="action" name="go" exclude="s t"><ts:attribute name="n"><ts:origins><ts:user-entry as="e18"/></ts:origins></ts:attribute><ts:transaction><ethereum:transaction contract="C" function="g"><ts:data><ts:abi local-ref="list"/></ts:data><ethereum:value ref="n"/></ethereum:transaction></ts:transaction>
<ts:view xml:lang="en" urlFragment="go"><ts:viewContent name="v"/><ts:include type="css" src="a.css"/><b c="d">e</b><script>1</script></ts:view></ts:card>
<ts:card type="activity" name="sold"><ts:origins><ethereum:event contract="C" type="Sold" filter="to=${ownerAddress}"/></ts:origins></ts:card></ts:cards></ts:token>"#;

/// A script of 2019.
pub(crate) const OLD: &str = r#"<ts:token xmlns:ts="http://tokenscript.org/2019/05/tokenscript" xmlns="http://www.w3.org/1999/xhtml" custodian="true">
<ts:name><ts:string xml:lang="zh">x</ts:string></ts:name>
<ts:contract interface="erc875" name="E"><ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address></ts:contract>
<ts:origins><ts:ethereum contract="E"/></ts:origins>
<ts:selections><ts:selection id="expired"><ts:filter>expired</ts:filter></ts:selection></ts:selections>
<ts:cards><ts:token-card><style>p &gt; b</style><ts:view-iconified xml:lang="en"><p>x</p></ts:view-iconified></ts:token-card>
<ts:action><ts:name><ts:string xml:lang="en">Open</ts:string></ts:name><ts:exclude selection="expired"/>
<ts:attribute-types><ts:attribute-type id="code" syntax="1.3.6.1.4.1.1466.115.121.1.27"><ts:origins><ts:user-entry as="uint"/></ts:origins></ts:attribute-type></ts:attribute-types>
<ts:transaction><ts:ethereum contract="E" function="open"><ts:data><ts:uint256 ref="code"/></ts:data><ts:value>3</ts:value></ts:ethereum></ts:transaction></ts:action></ts:cards>
<ts:attribute-types><ts:attribute-type id="expired" syntax="1.3.6.1.4.1.1466.115.121.1.7"><ts:origins><ts:ethereum as="bool" function="isExpired"><ts:data><ts:uint256 ref="tokenId"/></ts:data></ts:ethereum></ts:origins></ts:attribute-type></ts:attribute-types></ts:token>"#;

/// A card that stands alone.
pub(crate) const ACTION: &str = r#"<ts:action xmlns:ts="http://tokenscript.org/2019/10/tokenscript"><ts:name><ts:string xml:lang="en">Convert</ts:string></ts:name>
<ts:input><ts:token name="xdai"><ts:ethereum network="100"/></ts:token></ts:input><ts:attribute-type id="amount" syntax="1.3.6.1.4.1.1466.115.121.1.36"><ts:origins><ts:user-entry as="e18"/></ts:origins></ts:attribute-type>
<ts:transaction><ts:ethereum><ts:to>0x7301CFA0e1756B71869E93d4e4Dca5c7d0eb0AA6</ts:to><ts:value ref="amount"/></ts:ethereum></ts:transaction></ts:action>"#;

/// What parts of scripts look like.
pub(crate) const WORDS: &[&str] = &[
    "<",
    ">",
    "/>",
    "</",
    "\"",
    "&amp;",
    "&home;",
    "&far;",
    "&#60;",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "?>",
    "<!DOCTYPE",
    "<!ENTITY",
    "ref=\"a\"",
    "ref=\"b\"",
    "local-ref=\"z\"",
    "as=\"uint\"",
    "as=\"utf8\"",
    "as=\"bool\"",
    "as=\"e18\"",
    "as=\"abi\"",
    "as=\"bytes\"",
    "as=\"time\"",
    "tokenId",
    "ownerAddress",
    "contractAddress_C_1",
    "a[0].y",
    "ts:uint256",
    "ts:struct",
    "ts:string",
    "ts:bytes4",
    "ts:data",
    "ts:token-id",
    "ethereum:call",
    "ethereum:event",
    "ethereum:storage",
    "uint256",
    "tuple[]",
    "string",
    "xmlns:ts=\"x\"",
    "2024/01",
    "2019/05",
    "1.3.6.1.4.1.1466.115.121.1.24",
    "0x",
    "FF",
    "${",
    "}",
    "exclude=\"s\"",
    "name=\"a\"",
];
